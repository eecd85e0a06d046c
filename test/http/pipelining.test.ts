import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
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
const REQUEST_ID = /^[\w-]{1,64}$/;

/** A request that leaves the connection open. */
async function request(id: string, ...headers: string[]): Promise<string> {
  const text = JSON.stringify(BODY);
  const authorization = `Authorization: Bearer ${await signJwt()}`;
  const own = ['Content-Type: application/json', `Content-Length: ${text.length}`];
  const all = [authorization, `X-Request-Id: ${id}`, ...own, ...headers];
  return rawRequest(LINE, all, text).replace('Connection: close\r\n', '');
}

const lastRequest = (id: string) => request(id, 'Connection: close');

async function requests(count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, n) => `id-${n}`);
  return Promise.all(ids.map((id, n) => (n < count - 1 ? request(id) : lastRequest(id))));
}

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
  it('are all answered, in order, when 50 come in one write and each takes its time', async () => {
    const check = () => delay(2, ALLOWED);
    const { port } = await openApp({ videoToken: { check } });
    const answers = await converse(port, (await requests(50)).join(''));
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    const ids = answers.map(({ headers }) => headers['x-request-id']);
    expect(ids).toEqual(Array.from({ length: 50 }, (_, n) => `id-${n}`));
  });

  it('are handled one after the other', async () => {
    const { app, checks, asked } = await openPendingApp();
    const answers = converse(app.port, (await requests(3)).join(''));
    for (let n = 0; n < 3; n++) {
      await asked(n + 1);
      await ofOthersAreAnswered(app, 3);
      expect(checks).toHaveLength(n + 1);
      checks[n]?.(ALLOWED);
    }
    expect((await answers).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('are handled one after the other when each comes in a write of its own', async () => {
    const { app, checks, asked } = await openPendingApp();
    const [first = '', second = ''] = await requests(2);
    const answers = converse(app.port, first, (socket) => socket.setNoDelay().write(second));
    await asked(1);
    await ofOthersAreAnswered(app, 3);
    expect(checks).toHaveLength(1);
    checks[0]?.(ALLOWED);
    await asked(2);
    checks[1]?.(ALLOWED);
    expect((await answers).map(({ status }) => status)).toEqual([200, 200]);
  });

  it.each<[string, () => string | Promise<string>]>([
    ['the shortest requests', () => 'GET / HTTP/1.1\r\nHost:a\r\n\r\n'],
    ['requests with a credential', () => request('following')],
  ])('are not read while the first of them waits: %s', async (_, make) => {
    const following = await make();
    const { app, asked } = await openPendingApp();
    let parsed = 0;
    app.server.prependListener('request', ({ url }) => {
      if (url !== '/healthz') parsed++;
    });
    const [accepted, client] = await connectTo(app);
    client.write(await request('first'));
    await asked(1);
    client.write(following.repeat(Math.ceil((32 * 1024 * 1024) / following.length)));
    await ofOthersAreAnswered(app, 30);
    // The first, and what a slice of 1 kB can have.
    expect(parsed).toBeLessThanOrEqual(1 + Math.ceil(1_024 / following.length));
    expect(accepted.bytesRead).toBeGreaterThan(1_024);
    expect(accepted.bytesRead).toBeLessThanOrEqual(70_000);
    client.destroy();
  });
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
  it('are answered after the requests before them', async () => {
    const { app, checks, asked } = await openPendingApp();
    const bytes = (await request('one')) + (await request('two')) + GARBAGE;
    const answers = converse(app.port, bytes);
    for (let n = 0; n < 2; n++) {
      await asked(n + 1);
      checks[n]?.(ALLOWED);
    }
    expectOrder(await answers);
  });

  it('are answered after the requests before them when they come later', async () => {
    const { app, checks, asked } = await openPendingApp();
    const bytes = (await request('one')) + (await request('two'));
    const client = Promise.withResolvers<Socket>();
    const answers = converse(app.port, bytes, client.resolve);
    await asked(1);
    (await client.promise).write(GARBAGE.repeat(1_000));
    await ofOthersAreAnswered(app, 3);
    checks[0]?.(ALLOWED);
    await asked(2);
    checks[1]?.(ALLOWED);
    expectOrder(await answers);
  });

  it('overtake no answer when the client has ended its side', async () => {
    const { app, checks, asked } = await openPendingApp();
    const bytes = (await request('one')) + (await request('two')) + GARBAGE;
    const answers = converse(app.port, bytes, (socket) => socket.end());
    for (let n = 0; n < 2; n++) {
      await asked(n + 1);
      checks[n]?.(ALLOWED);
    }
    const statuses = (await answers).map(({ status }) => status);
    // Node.js closes the connection of such a client with its last answer.
    expect(statuses).toEqual([200, 200]);
  });

  it('in the body of a request are its answer', async () => {
    const { port } = await openApp();
    const type = ['Content-Type: application/json', 'Transfer-Encoding: chunked'];
    const authorization = `Authorization: Bearer ${await signJwt()}`;
    const cut = rawRequest(LINE, [authorization, ...type], '5\r\n{"roo\r\nzz\r\n');
    const answers = await converse(port, (await request('one')) + cut);
    expect(answers.map(({ status }) => status)).toEqual([200, 400]);
    expectProblem(answers[1] as (typeof answers)[0], 400, 'invalid_request', 'fix_request');
  });

  it('from a client that resets the connection lose nothing but its own answers', async () => {
    const { app, checks, asked } = await openPendingApp();
    const [accepted, client] = await connectTo(app);
    client.write((await request('one')) + (await request('two')) + GARBAGE);
    await asked(1);
    const gone = new Promise((resolve) => accepted.once('close', resolve));
    client.resetAndDestroy();
    await gone;
    checks[0]?.(ALLOWED);
    await expect.poll(() => app.decisions.map(({ code }) => code)).toEqual(['aborted']);
    await ofOthersAreAnswered(app, 1);
    expect(app.openRequests()).toBe(0);
  });
});

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

/** Two tokens and then the refusal, each under the id of its request. */
function expectOrder(answers: Awaited<ReturnType<typeof converse>>): void {
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 400]);
  const [one, two, three] = answers.map(({ headers }) => headers['x-request-id']);
  expect([one, two]).toEqual(['one', 'two']);
  expect(three).toMatch(REQUEST_ID);
  expectProblem(answers[2] as (typeof answers)[0], 400, 'invalid_request', 'fix_request');
}

it('keeps no place for a pipelined request whose client leaves before its turn', async () => {
  const app = await openApp();
  const left = Promise.withResolvers<void>();
  app.server.on('request', (_request, response) => {
    if (response.socket !== null) return;
    // After the socket is given to the response, and before the event-loop iteration in which it is handled.
    response.once('socket', (socket: Socket) =>
      process.nextTick(() => socket.once('close', () => left.resolve()).destroy()),
    );
  });
  const socket = connect(app.port, '127.0.0.1').on('error', () => {});
  socket.resume().write((await requests(2)).join(''));
  await left.promise;
  await ofOthersAreAnswered(app, 3);
  expect(app.openRequests()).toBe(0);
});

describe('CONNECT', () => {
  const CONNECT = 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n';

  it('is refused after the answers before it, and the connection is closed', async () => {
    const { port } = await openApp({ videoToken: { check: () => delay(20, ALLOWED) } });
    const answers = await converse(port, `${await request('first')}${CONNECT}`);
    expect(answers.map(({ status }) => status)).toEqual([200, 405]);
  });

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
