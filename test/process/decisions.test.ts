import { randomBytes } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { post } from '../support/post.ts';
import { startService } from '../support/service.ts';

it('a replica tells a key what it decides, until it drains', async () => {
  const key = randomBytes(32).toString('base64url');
  const service = await startService({ ADMIN_API_KEY: key });
  onTestFinished(service.stop);
  const headers = { authorization: `Bearer ${key}` };
  const events = await fetch(`${service.internal}/decisions/events`, { headers });
  expect((await post(service.origin)).status).toBe(200);
  const { requestId } = await service.line(({ outcome }) => outcome === 'issued');
  const list = await fetch(`${service.internal}/decisions?requestId=${requestId}`, { headers });
  expect(await list.json()).toMatchObject({
    decisions: [{ requestId, userId: 'alice', outcome: 'issued' }],
  });
  service.kill('SIGTERM');
  expect(await events.text()).toContain(`"requestId":"${requestId}"`);
  expect((await service.exited).code).toBe(0);
});
