import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { AccessDecision } from '../../src/access/access.ts';
import { openApp, type TestApp } from '../support/app.ts';
import { BODY } from '../support/ask.ts';
import { signJwt } from '../support/jwt.ts';
import { expectProblem } from '../support/problem.ts';
import { converse, rawRequest } from '../support/raw-http.ts';

const LINE = 'POST /video-token HTTP/1.1';
const GARBAGE = 'no HTTP\r\n\r\n';
const ALLOWED: AccessDecision = { allow: true };
const _REQUEST_ID = /^[\w-]{1,64}$/;

/** A request that leaves the connection open. */
async function request(id: string, ...headers: string[]): Promise<string> {
  const text = JSON.stringify(BODY);
  const authorization = `Authorization: Bearer ${await signJwt()}`;
  const own = ['Content-Type: application/json', `Content-Length: ${text.length}`];
  const all = [authorization, `X-Request-Id: ${id}`, ...own, ...headers];
  return rawRequest(LINE, all, text).replace('Connection: close\r\n', '');
}

const lastRequest = (id: string) => request(id, 'Connection: close');

/** An app whose access check answers when the test says so. */
async function openPendingApp() {
  const checks: ((decision: AccessDecision) => void)[] = [];
  const check = () => new Promise<AccessDecision>((answer) => void checks.push(answer));
  const app = await openApp({ videoToken: { check } });
  return { app, checks, asked: (count: number) => expect.poll(() => checks.length).toBe(count) };
}

/** The server has gone through its event loop for as long as this takes. */
async function ofOthersAreAnswered({ origin }: TestApp, count: number): Promise<void> {
  const headers = { connection: 'close' };
  for (let n = 0; n < count; n++) {
    expect((await fetch(`${origin}/healthz`, { headers })).status).toBe(200);
  }
}

describe('requests that a client pipelines', () => {
  it.each([
    ['in one write', (first: string, more: string) => [first + more]],
    ['in a write of its own', (first: string, more: string) => [first, more]],
  ])(
    'get one answer, that to the first, which says that it is the last: %s',
    async (_, inWrites) => {
      const { app, checks, asked } = await openPendingApp();
      const [bytes = '', more] = inWrites(await request('one'), (await request('two')).repeat(49));
      const client = Promise.withResolvers<Socket>();
      const answers = converse(app.port, bytes, client.resolve);
      await asked(1);
      if (more !== undefined) (await client.promise).write(more);
      await ofOthersAreAnswered(app, 3);
      checks[0]?.(ALLOWED);
      const [answer, ...others] = await answers;
      expect(answer).toMatchObject({ status: 200, headers: { 'x-request-id': 'one' } });
      expect(answer?.headers.connection).toBe('close');
      expect(others).toEqual([]);
      expect(checks).toHaveLength(1);
      expect(app.openRequests()).toBe(0);
      expect(app.decisions.map(({ requestId }) => requestId)).toEqual(['one']);
    },
  );
});

it.each([
  ['/healthz', 200],
  ['/nope', 404],
  ['/%zz', 400],
])('what follows an upgrade that is ignored is not read as a request: %s', async (path, status) => {
  const { app } = await openPendingApp();
  const upgrade = `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
  const inner = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
  const length = 1_000;
  const head = `${LINE}\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;
  // The second slice begins with the inner request.
  const padding = ' '.repeat(1_024 - upgrade.length - head.length);
  const body = (padding + inner).padEnd(length);
  const answers = await converse(app.port, upgrade + head + body);
  expect(answers.map(({ status, headers }) => [status, headers.connection])).toEqual([
    [status, 'close'],
  ]);
});

describe('bytes that are no HTTP', () => {
  it('in the body of a request are its answer, and not the one that its handler gives later', async () => {
    const { app, decisions } = await openWaitingApp();
    const head = ['Content-Type: application/json', 'Transfer-Encoding: chunked'];
    const authorization = `Authorization: Bearer ${await signJwt()}`;
    const bytes = rawRequest(LINE, [authorization, ...head], '5\r\n{"roo\r\nzz\r\n');
    const [answer, ...others] = await converse(app.port, bytes);
    expectProblem(answer as NonNullable<typeof answer>, 400, 'invalid_request', 'fix_request');
    expect(others).toEqual([]);
    await expect.poll(decisions).toEqual(['aborted']);
  });

  it('from a client that resets the connection lose nothing but its own answer', async () => {
    const { app, checks, asked } = await openPendingApp();
    const [accepted, client] = await connectTo(app);
    client.write((await request('one')) + GARBAGE);
    await asked(1);
    client.resetAndDestroy();
    await ofOthersAreAnswered(app, 1);
    checks[0]?.(ALLOWED);
    await expect.poll(() => accepted.destroyed).toBe(true);
    await expect.poll(() => app.decisions).toHaveLength(1);
    await ofOthersAreAnswered(app, 1);
    expect(app.openRequests()).toBe(0);
  });
});

/** An app whose authentication never ends. */
async function openWaitingApp() {
  const app = await openApp({ videoToken: { verify: () => new Promise(() => {}) } });
  return { app, decisions: () => app.decisions.map(({ code }) => code) };
}

describe('HTTP/1.0', () => {
  it.each(['', 'Connection: keep-alive\r\n'])(
    'with Transfer-Encoding is 400, and the end of the connection (%j)',
    async (connection) => {
      const { port, decisions } = await openApp();
      const head = `POST /video-token HTTP/1.0\r\nHost: test\r\n${connection}`;
      const answers = await converse(
        port,
        `${head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${await lastRequest('smuggled')}`,
      );
      expect(answers).toHaveLength(1);
      const [answer] = answers as [(typeof answers)[0]];
      expectProblem(answer, 400, 'invalid_request', 'fix_request');
      expect(answer.headers.connection).toBe('close');
      expect(decisions.map(({ requestId }) => requestId)).not.toContain('smuggled');
    },
  );

  it('without Transfer-Encoding is answered, and the connection closed', async () => {
    const { port } = await openApp();
    const one = await request('one');
    const answers = await converse(port, one.replace('HTTP/1.1', 'HTTP/1.0'));
    expect(answers.map(({ status }) => status)).toEqual([200]);
  });
});

async function connectTo(app: TestApp): Promise<[accepted: Socket, client: Socket]> {
  const connected = once(app.server, 'connection');
  const client = connect(app.port, '127.0.0.1').on('error', () => {});
  const [accepted] = await connected;
  return [accepted, client];
}

describe('CONNECT', () => {
  const CONNECT = 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n';

  it('ends nothing but its own connection when the client resets it', async () => {
    const app = await openApp();
    const socket = connect({ port: app.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {}).write(CONNECT);
    await once(socket, 'data');
    socket.resetAndDestroy();
    await ofOthersAreAnswered(app, 2);
    const connections = () =>
      new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count)));
    await expect.poll(connections).toBe(0);
  });
});
