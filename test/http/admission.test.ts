import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setImmediate as nextIteration } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import type { AccessDecision } from '../../src/access/access.ts';
import { createAdmission } from '../../src/http/admission.ts';
import { type AppOptions, openApp, type TestApp } from '../support/app.ts';
import { ask, BODY } from '../support/ask.ts';
import { signJwt } from '../support/jwt.ts';
import { expectProblem } from '../support/problem.ts';
import { rawRequest } from '../support/raw-http.ts';

const LINE = 'POST /video-token HTTP/1.1';
const BEGUN = '{"roomId":';
const TEXT = JSON.stringify(BODY);

/** A request for a token of alice; `length` is what it says of its body. */
async function request(body = TEXT, length = body.length): Promise<string> {
  const authorization = `Authorization: Bearer ${await signJwt()}`;
  const type = 'Content-Type: application/json';
  return rawRequest(LINE, [authorization, type, `Content-Length: ${length}`], body);
}

/** A function that answers when the test says so, and how often it was asked. */
function pending<T>(): {
  ask(): Promise<T>;
  asked(count: number): Promise<void>;
  answer(value: T): void;
} {
  const answered = Promise.withResolvers<T>();
  let count = 0;
  return {
    ask() {
      count++;
      return answered.promise;
    },
    asked: (expected) => expect.poll(() => count).toBe(expected),
    answer: answered.resolve,
  };
}

async function openPendingApp(options: AppOptions = {}) {
  const check = pending<AccessDecision>();
  const app = await openApp({ maxOpenRequests: 3, videoToken: { check: check.ask }, ...options });
  return { app, check };
}

it('answers 503 overloaded at once when as many requests wait as may', async () => {
  const { app, check } = await openPendingApp();
  const waiting = Array.from({ length: 3 }, () => ask(app));
  await check.asked(3);
  const refused = await ask(app);
  expectProblem(refused, 503, 'overloaded', 'retry');
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect(app.openRequests()).toBe(3);
  expect((await fetch(`${app.origin}/healthz`)).status).toBe(200);
  check.answer({ allow: true });
  const answers = await Promise.all(waiting);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(app.openRequests()).toBe(0);
  expect((await ask(app)).status).toBe(200);
});

it('counts the requests of one event-loop iteration before it lets the first of them in', async () => {
  const { app, check } = await openPendingApp({ maxOpenRequests: 1 });
  const asked = [ask(app), ask(app)];
  await check.asked(1);
  check.answer({ allow: true });
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  expect(statuses.sort()).toEqual([200, 503]);
});

/** Resets the connection, and waits until the server has seen it. */
async function abort(app: TestApp, socket: Socket): Promise<void> {
  const closed = new Promise((resolve) => serverSocket(app).once('close', resolve));
  socket.resetAndDestroy();
  await closed;
}

const sockets = new WeakMap<TestApp, Socket>();
const serverSocket = (app: TestApp) => sockets.get(app) as Socket;

async function connectTo(app: TestApp): Promise<Socket> {
  app.server.once('connection', (socket) => sockets.set(app, socket));
  const socket = connect(app.port, '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  await expect.poll(() => sockets.has(app)).toBe(true);
  return socket;
}

/** How a client's connection can end, and what the server was doing. */
const PHASES: [string, () => Promise<TestApp>][] = [
  [
    'before its batch',
    async () => {
      const app = await openApp();
      const socket = await connectTo(app);
      const seen = new Promise<void>((resolve) => {
        app.server.once('request', (incoming) => {
          incoming.socket.once('close', () => resolve());
          // The request has been counted, and its batch begins with the next iteration.
          process.nextTick(() => incoming.socket.destroy());
        });
      });
      socket.write(await request());
      await seen;
      return app;
    },
  ],
  [
    'while it is limited',
    async () => {
      const counter = pending<{ count: number; ttlMs: number }>();
      const app = await openApp({ counter: { increment: counter.ask } });
      const socket = await connectTo(app);
      socket.write(await request());
      await counter.asked(1);
      await abort(app, socket);
      counter.answer({ count: 1, ttlMs: 1 });
      return app;
    },
  ],
  [
    'while it is authenticated',
    async () => {
      const verify = pending<never>();
      const app = await openApp({ videoToken: { verify: verify.ask } });
      const socket = await connectTo(app);
      socket.write(await request());
      await verify.asked(1);
      await abort(app, socket);
      verify.answer({ userId: 'alice', issuer: undefined, expiresAt: 1e10 } as never);
      return app;
    },
  ],
  [
    'while its body arrives',
    async () => {
      const authenticated = Promise.withResolvers<void>();
      const increment = async (key: string) => {
        if (key.includes('user')) authenticated.resolve();
        return { count: 1, ttlMs: 1 };
      };
      const app = await openApp({ counter: { increment } });
      const socket = await connectTo(app);
      socket.write(await request(BEGUN, 200));
      await expect.poll(app.openRequests).toBe(1);
      await nextIteration();
      await nextIteration();
      await abort(app, socket);
      return app;
    },
  ],
  [
    'while access is checked',
    async () => {
      const { app, check } = await openPendingApp();
      const socket = await connectTo(app);
      socket.write(await request());
      await check.asked(1);
      await abort(app, socket);
      check.answer({ allow: true });
      return app;
    },
  ],
  [
    'while access is checked and then denied',
    async () => {
      const { app, check } = await openPendingApp();
      const socket = await connectTo(app);
      socket.write(await request());
      await check.asked(1);
      await abort(app, socket);
      check.answer({ allow: false, code: 'room_not_allowed' });
      return app;
    },
  ],
];

it.each(PHASES)('gets the place of a request back that is aborted %s', async (_, abortIn) => {
  const app = await abortIn();
  await expect.poll(app.openRequests).toBe(0);
});

it('counts no request whose client has left before it is let in', async () => {
  const admission = createAdmission(() => false);
  const server = createServer();
  onTestFinished(() => void server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  connect(port, '127.0.0.1').end('GET / HTTP/1.0\r\n\r\n');
  const [, raw] = (await once(server, 'request')) as [unknown, ServerResponse];
  raw.destroy();
  await once(raw, 'close');
  await admission.enter({ isAdmitted: false } as FastifyRequest, { raw } as FastifyReply);
  expect(admission.openRequests()).toBe(0);
});
