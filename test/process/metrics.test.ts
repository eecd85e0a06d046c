import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { json } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { signFreshJwt } from '../support/jwt.ts';
import { rawRequest } from '../support/raw-http.ts';
import { startService } from '../support/service.ts';

it('says in /metrics how many requests wait', async () => {
  const service = await startService();
  onTestFinished(service.stop);
  const socket = connect(service.port, '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  const openRequests = async () =>
    /^open_requests (\d+)$/m.exec(await (await fetch(`${service.internal}/metrics`)).text())?.[1];
  const headers = [
    `Authorization: Bearer ${await signFreshJwt()}`,
    'Content-Type: application/json',
    'Content-Length: 200',
  ];
  socket.write(rawRequest('POST /video-token HTTP/1.1', headers, '{"roomId":'));
  await expect.poll(openRequests).toBe('1');
  socket.resetAndDestroy();
  await expect.poll(openRequests).toBe('0');
});

it('says in /readyz and in /metrics which kind of token the backend does not know', async () => {
  const backend = createServer(async (request, response) => {
    const { kind } = (await json(request)) as { kind?: string };
    response.end(JSON.stringify({ allow: true, ...(kind === 'basic' && { kind }) }));
  }).listen(0, '127.0.0.1');
  await once(backend, 'listening');
  onTestFinished(() => void backend.close().closeAllConnections());
  const service = await startService({
    ...{ ROOM_TOKENS: 'on', BASIC_TOKENS: 'on', ACCESS_MODE: 'http' },
    ACCESS_HTTP_URL: `http://127.0.0.1:${(backend.address() as AddressInfo).port}/`,
    ACCESS_HTTP_SECRET: 'backend-secret-0123456789-0123456789',
  });
  onTestFinished(service.stop);
  const credential = await signFreshJwt();
  const statuses = [];
  for (const [kind, body] of [
    ['room', { roomId: 'room' }],
    ['basic', {}],
    ['video', { roomId: 'room', videoId: 'film' }],
  ] as const) {
    const { status } = await fetch(`${service.origin}/${kind}-token`, {
      method: 'POST',
      headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    statuses.push(status);
  }
  expect(statuses).toEqual([503, 200, 200]);
  const ready = await fetch(`${service.origin}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([
    200,
    {
      status: 'ready',
      dependencies: { access: 'up', access_room: 'down', access_basic: 'up', keys: 'up' },
    },
  ]);
  const metrics = await (await fetch(`${service.internal}/metrics`)).text();
  expect(metrics).toContain('dependency_up{dependency="access_room"} 0');
  expect(metrics).toContain('dependency_up{dependency="access"} 1');
  expect(metrics).toMatch(/^access_check_duration_seconds_count\{mode="http"\} 3$/m);
});
