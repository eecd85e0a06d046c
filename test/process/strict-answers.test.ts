import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { signFreshJwt } from '../support/jwt.ts';
import { post } from '../support/post.ts';
import { startService, type Variables } from '../support/service.ts';

async function start(variables: Variables) {
  const service = await startService(variables);
  onTestFinished(service.stop);
  return service;
}

/** A service whose backend gives this answer. */
async function startWith(answer: object, variables: Variables = {}) {
  const backend = createServer((_request, response) => response.end(JSON.stringify(answer)));
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  onTestFinished(() => void backend.close().closeAllConnections());
  return start({
    ACCESS_MODE: 'http',
    ACCESS_HTTP_URL: `http://127.0.0.1:${(backend.address() as AddressInfo).port}/`,
    ACCESS_HTTP_SECRET: 'backend-secret-0123456789-0123456789',
    ...variables,
  });
}

async function answerOf(origin: string, credential?: string) {
  return (await post(origin, credential)).code ?? 'issued';
}

describe("an unknown field of a backend's answer", () => {
  const ALLOWED = { allow: true, notafter: 1_800_000_000 };

  it('makes one that allows a 503, and the log and the warning of the start name it', async () => {
    const service = await startWith(ALLOWED);
    expect(await answerOf(service.origin)).toBe('dependency_unavailable');
    expect(await service.line(({ event }) => event === 'video_token')).toMatchObject({
      outcome: 'failed',
      reason: 'backend_reply',
      expected: 'allow, notAfter',
      received: 'unknown field "notafter"; did you mean notAfter?',
    });
    const warning = await service.line(({ msg }) => msg === 'backend check failed');
    expect(warning.problem).toMatch(/unknown field "notafter".*ACCESS_IGNORED_FIELDS/);
  });

  it('is no matter where ACCESS_IGNORED_FIELDS names it', async () => {
    const service = await startWith(ALLOWED, { ACCESS_IGNORED_FIELDS: 'trace,notafter' });
    expect(await answerOf(service.origin)).toBe('issued');
  });

  it('is a warning in a denial, once', async () => {
    const service = await startWith({ allow: false, code: 'video_ended', why: 'over' });
    for (let i = 0; i < 3; i++) expect(await answerOf(service.origin)).toBe('video_ended');
    const isWarning = ({ msg }: { msg?: unknown }) => msg === 'backend denial has an unknown field';
    expect(await service.line(isWarning)).toMatchObject({ received: 'unknown field "why"' });
    expect(service.stdout().match(/backend denial/g)).toHaveLength(1);
  });
});

it('an entry of video_access with an unknown field is named in the line of the token that others give', async () => {
  const service = await start({ ACCESS_MODE: 'claims' });
  const entry = { room: 'room', videos: ['film'] };
  const credential = await signFreshJwt({ video_access: [{ ...entry, seats: 4 }, entry] });
  expect(await answerOf(service.origin, credential)).toBe('issued');
  expect(await service.line(({ outcome }) => outcome === 'issued')).toMatchObject({
    reason: 'claim_video_access',
    received: 'video_access.0: unknown field "seats"',
  });
});
