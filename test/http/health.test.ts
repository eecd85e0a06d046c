import supertest from 'supertest';
import { expect, it } from 'vitest';
import type { Lifecycle } from '../../src/http/health.ts';
import { openApp } from '../support/app.ts';
import { ask, BODY } from '../support/ask.ts';
import { signJwt } from '../support/jwt.ts';
import { expectProblem } from '../support/problem.ts';

it('a service that is ready says so', async () => {
  const { origin } = await openApp();
  const health = await supertest(origin).get('/healthz');
  const readiness = await supertest(origin).get('/readyz');
  expect([health.status, health.body]).toEqual([200, { status: 'ok' }]);
  expect([readiness.status, readiness.body]).toEqual([
    200,
    { status: 'ready', dependencies: { access: 'up' } },
  ]);
});

it.each(['starting', 'draining'] as const)(
  'a service that is %s is alive, not ready',
  async (lifecycle) => {
    const { origin } = await openApp({ lifecycle: () => lifecycle });
    expect((await supertest(origin).get('/healthz')).status).toBe(200);
    const { status, body } = await supertest(origin).get('/readyz');
    expect([status, body.status]).toEqual([503, lifecycle]);
  },
);

it('a service that cannot write its audit log issues no token, and is not ready until it can', async () => {
  let isBlocked = true;
  const app = await openApp({ auditBlocked: () => isBlocked });
  const readiness = async () => {
    const { status, body } = await supertest(app.origin).get('/readyz');
    return [status, body.status];
  };
  expect(await readiness()).toEqual([503, 'blocked']);
  expectProblem(await ask(app), 503, 'dependency_unavailable', 'retry');
  const refused = {
    outcome: 'failed',
    code: 'dependency_unavailable',
    reason: 'audit_log_blocked',
  };
  expect(app.decisions).toMatchObject([refused]);
  isBlocked = false;
  expect(await readiness()).toEqual([200, 'ready']);
  expect((await ask(app)).status).toBe(200);
});

it('a service that drains and cannot write its audit log says that it drains', async () => {
  const { origin } = await openApp({ lifecycle: () => 'draining', auditBlocked: () => true });
  const { status, body } = await supertest(origin).get('/readyz');
  expect([status, body.status]).toEqual([503, 'draining']);
});

it('a service names the dependencies that do not answer, and is ready', async () => {
  const app = await openApp({ dependencies: () => ({ access: false, redis: true }) });
  const { status, body } = await supertest(app.origin).get('/readyz');
  const dependencies = { access: 'down', redis: 'up' };
  expect([status, body]).toEqual([200, { status: 'ready', dependencies }]);
});

it('a service that drains answers as before, and asks the client to connect anew', async () => {
  let lifecycle: Lifecycle = 'ready';
  const { origin } = await openApp({ lifecycle: () => lifecycle });
  const authorization = `Bearer ${await signJwt()}`;
  const headers = { authorization, 'content-type': 'application/json' };
  const asked = { method: 'POST', headers, body: JSON.stringify(BODY) };
  const see = async (path: string, init: RequestInit) => {
    const { status, headers } = await fetch(origin + path, init);
    return [status, headers.get('connection')];
  };
  expect(await see('/video-token', asked)).toEqual([200, 'keep-alive']);
  lifecycle = 'draining';
  expect(await see('/video-token', asked)).toEqual([200, 'close']);
  expect(await see('/video-token', { method: 'POST' })).toEqual([401, 'close']);
  expect(await see('/nope', {})).toEqual([404, 'close']);
  expect(await see('/%zz', {})).toEqual([400, 'close']);
  expect(await see('/healthz', {})).toEqual([200, 'close']);
});

it('a probe is answered when the service is overloaded, and others are asked to come back', async () => {
  const app = await openApp({ overloaded: () => true });
  expect((await supertest(app.origin).get('/healthz')).status).toBe(200);
  expect((await supertest(app.origin).get('/readyz')).status).toBe(200);
  expectProblem(await ask(app), 503, 'overloaded', 'retry');
});
