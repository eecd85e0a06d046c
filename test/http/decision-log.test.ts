import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import supertest from 'supertest';
import { expect, it } from 'vitest';
import type { AccessDecision } from '../../src/access/access.ts';
import { type AppOptions, openApp, type TestApp } from '../support/app.ts';
import { ask, BODY } from '../support/ask.ts';
import { NOW } from '../support/clock.ts';
import { signJwt } from '../support/jwt.ts';

const ABORTED = { outcome: 'failed', code: 'aborted', ip: '127.0.0.1' };

it('a token that was issued is one decision, with everything that an auditor asks for', async () => {
  const app = await openApp({ trustProxy: ['127.0.0.1'], countryHeader: 'cf-ipcountry' });
  const credential = await signJwt({ iss: 'https://login.example' });
  const headers = { 'x-forwarded-for': '203.0.113.9', 'cf-ipcountry': 'SG', 'x-request-id': 'r1' };
  await ask(app, { credential, headers });
  expect(app.decisions).toEqual([
    {
      event: 'video_token',
      requestId: 'r1',
      outcome: 'issued',
      code: 'issued',
      userId: 'alice',
      issuer: 'https://login.example',
      roomId: 'room',
      videoId: 'film',
      country: 'SG',
      expireAt: NOW + 3600,
      ip: '203.0.113.9',
      durationMs: expect.any(Number),
    },
  ]);
});

it('every POST is one decision, however it ends', async () => {
  const app = await openApp();
  const json = { 'content-type': 'application/json' };
  await ask(app, { credential: null });
  await ask(app, { credential: 'a.b.c' });
  await ask(app, { body: '{', headers: json });
  await ask(app, { body: 'x', headers: { 'content-type': 'text/plain' } });
  await ask(app, { body: 'x'.repeat(20_000), headers: json });
  await ask(app, { body: { ...BODY, roomId: 'none' } });
  expect(app.decisions.map(({ outcome, code }) => [outcome, code])).toEqual([
    ['denied', 'credential_missing'],
    ['denied', 'credential_invalid'],
    ['denied', 'invalid_request'],
    ['denied', 'unsupported_media_type'],
    ['denied', 'body_too_large'],
    ['denied', 'room_not_allowed'],
  ]);
});

it('a refusal names the user, the room and the video, and no expiry', async () => {
  const app = await openApp();
  await ask(app, { body: { ...BODY, roomId: 'room_foreign' } });
  const [decision] = app.decisions;
  expect(decision).toMatchObject({ userId: 'alice', roomId: 'room_foreign', videoId: 'film' });
  expect(decision).not.toHaveProperty('expireAt');
});

it('a credential that fails is told apart in the log, and not in the answer', async () => {
  const app = await openApp();
  const forged = await signJwt({}, 'another secret of more than 32 bytes');
  const answers = [];
  for (const credential of [forged, 'a b']) answers.push(await ask(app, { credential }));
  expect(app.decisions.map(({ reason }) => reason)).toEqual(['signature', 'not_bearer']);
  expect(JSON.stringify(answers.map(({ body }) => body))).not.toMatch(/signature|not_bearer/);
});

it('a claim that grants nothing as it is malformed is named in the log, and not in the answer', async () => {
  const reason = { code: 'claim_video_access', expected: 'a list', received: 'missing' };
  const check = async () => ({ allow: false, code: 'room_not_allowed', reason }) as const;
  const app = await openApp({ videoToken: { check } });
  const { body } = await ask(app);
  expect(app.decisions).toMatchObject([
    {
      code: 'room_not_allowed',
      reason: 'claim_video_access',
      expected: 'a list',
      received: 'missing',
    },
  ]);
  expect(JSON.stringify(body)).not.toContain('claim_video_access');
});

it('probes, other addresses and other methods are no decisions', async () => {
  const app = await openApp();
  for (const path of ['/healthz', '/readyz', '/nope', '/%zz', '/video-token']) {
    await supertest(app.origin).get(path);
  }
  expect(app.decisions).toEqual([]);
});

it('a client that hangs up while access is checked is one decision, and not issued', async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<AccessDecision>();
  const check = () => {
    asked.resolve();
    return answer.promise;
  };
  const { app, decided } = await openDecidingApp({ videoToken: { check } });
  const socket = await post(app, JSON.stringify(BODY));
  await asked.promise;
  socket.resetAndDestroy();
  await once(socket, 'close');
  // The server has seen the end of the connection once it has answered on another one.
  await supertest(app.origin).get('/healthz');
  answer.resolve({ allow: true });
  const decisions = await decided();
  expect(decisions).toMatchObject([{ ...ABORTED, userId: 'alice' }]);
  expect(decisions[0]).not.toHaveProperty('expireAt');
});

it('a client that hangs up in the middle of its body is one decision, and not issued', async () => {
  const decided = Promise.withResolvers<unknown>();
  const app = await openApp({ videoToken: { onAuditEvent: decided.resolve } });
  const socket = await post(app, '{"roomId":', 200);
  await supertest(app.origin).get('/healthz');
  socket.resetAndDestroy();
  expect(await decided.promise).toMatchObject({ outcome: 'failed', code: 'aborted' });
  // No fault of the service.
  await supertest(app.origin).get('/healthz');
  expect(app.log.join()).not.toContain('internal error');
});

it('logs the request in front of bytes that are no HTTP as issued', async () => {
  const answer = Promise.withResolvers<AccessDecision>();
  const check = () => answer.promise;
  const { app, decided } = await openDecidingApp({ videoToken: { check } });
  const socket = await post(app, JSON.stringify(BODY));
  const refused = once(app.server, 'clientError');
  socket.resume().end('no HTTP\r\n\r\n');
  await refused;
  answer.resolve({ allow: true });
  expect(await decided()).toMatchObject([{ outcome: 'issued' }]);
});

it.each<[string, AppOptions]>([
  ['would have got a token', {}],
  ['would have been limited', { perIp: 0 }],
  ['would have been shed', { overloaded: () => true }],
])('a client that is gone at once and %s is one decision, and not issued', async (_, options) => {
  const gone = Promise.withResolvers<unknown>();
  const increment = () => gone.promise.then(() => ({ count: 1, ttlMs: 1 }));
  const { app, decided } = await openDecidingApp({ ...options, counter: { increment } });
  app.server.prependOnceListener('request', ({ socket }) =>
    socket.once('close', gone.resolve).destroy(),
  );
  await post(app, JSON.stringify(BODY));
  expect(await decided()).toMatchObject([{ outcome: 'failed', ip: '127.0.0.1' }]);
});

it('a client that says with its request that it is the last gets its answer', async () => {
  const app = await openApp();
  const socket = await post(app, JSON.stringify(BODY));
  socket.end();
  expect(await text(socket)).toMatch(/^HTTP\/1.1 200 /);
  expect(app.decisions).toMatchObject([{ outcome: 'issued' }]);
});

async function openDecidingApp(options: AppOptions = {}) {
  const decisions: unknown[] = [];
  const first = Promise.withResolvers<void>();
  const onAuditEvent = (decision: unknown) => {
    decisions.push(decision);
    first.resolve();
  };
  const app = await openApp({ ...options, videoToken: { ...options.videoToken, onAuditEvent } });
  return {
    app,
    /** The decisions, when there is one and time for another has passed. */
    async decided() {
      await first.promise;
      await supertest(app.origin).get('/healthz');
      return decisions;
    },
  };
}

async function post({ port }: TestApp, body: string, length = body.length) {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const head = [
    'POST /video-token HTTP/1.1',
    'Host: test',
    `Authorization: Bearer ${await signJwt()}`,
    'Content-Type: application/json',
    `Content-Length: ${length}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  return socket;
}
