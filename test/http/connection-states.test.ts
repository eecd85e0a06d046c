import { type AddressInfo, connect } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { ServiceError } from '../../src/errors.ts';
import { createBaseApp } from '../../src/http/base.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { parseAnswers } from '../support/raw-http.ts';

const get = (path: string, ...lines: string[]) =>
  ['GET', path, 'HTTP/1.1\r\nHost: a\r\n'].join(' ') + [...lines, '\r\n'].join('\r\n');
const post = (path: string, ...lines: string[]) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${lines.join('\r\n')}\r\n\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked';
const LAST = 'Connection: close';

/** What a connection can be in, the bytes that bring it there, and the path of the request that it is about. */
const STATES = {
  'nothing was sent': '',
  'an empty line was sent': '\r\n',
  'a head is incomplete': 'GET /now HTTP/1.1\r\nHost: a\r\n',
  'a body waits for its handler': `${post('/guarded', CHUNKED, LAST)}1\r\n{\r\n`,
  'a body is read': `${post('/body', CHUNKED, LAST)}1\r\n{\r\n`,
  'a refusal was sent before the end of the body': `${post('/refused', CHUNKED)}1\r\n{\r\n`,
  'an answer is due': get('/held'),
  'an answer has begun': get('/begun'),
  'an answer was sent': get('/now'),
} as const;

/** What can happen then. */
const EVENTS = {
  'a request': get('/now', LAST),
  'an empty line and a request': `\r\n\r\n${get('/now', LAST)}`,
  'no HTTP': 'no HTTP\r\n\r\n',
  'a bad chunk': 'zz\r\n',
  'the end of the body': '1\r\n}\r\n0\r\n\r\n',
  'more of the body': '1\r\n \r\n'.repeat(1_000),
  CONNECT: 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
  'CONNECT with a body': 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab',
  'an upgrade': get('/now', 'Connection: Upgrade', 'Upgrade: websocket'),
  'an unknown expectation': get('/now', 'Expect: a'),
  'the end of the client': null,
  silence: undefined,
} as const;

/** The statuses that the client reads until the connection is closed. */
const ANSWERS: [keyof typeof STATES, keyof typeof EVENTS, number[]][] = [
  ['nothing was sent', 'a request', [200]],
  ['nothing was sent', 'an empty line and a request', [200]],
  ['nothing was sent', 'no HTTP', [400]],
  ['nothing was sent', 'CONNECT', [405]],
  ['nothing was sent', 'CONNECT with a body', [405]],
  ['nothing was sent', 'an upgrade', [200]],
  ['nothing was sent', 'an unknown expectation', [417]],
  ['nothing was sent', 'the end of the client', []],
  ['nothing was sent', 'silence', [408]],
  ['an empty line was sent', 'a request', [200]],
  ['an empty line was sent', 'silence', [408]],
  ['a head is incomplete', 'no HTTP', [400]],
  ['a head is incomplete', 'the end of the client', [400]],
  ['a head is incomplete', 'silence', [408]],
  ['a body waits for its handler', 'the end of the body', [200]],
  ['a body waits for its handler', 'more of the body', [408]],
  ['a body waits for its handler', 'a bad chunk', [400]],
  ['a body waits for its handler', 'the end of the client', [400]],
  ['a body waits for its handler', 'silence', [408]],
  ['a body is read', 'the end of the body', [200]],
  ['a body is read', 'a bad chunk', [400]],
  ['a body is read', 'the end of the client', [400]],
  ['a body is read', 'silence', [408]],
  ['a refusal was sent before the end of the body', 'the end of the body', [401]],
  ['a refusal was sent before the end of the body', 'more of the body', [401]],
  ['a refusal was sent before the end of the body', 'a bad chunk', [401]],
  ['a refusal was sent before the end of the body', 'a request', [401]],
  ['a refusal was sent before the end of the body', 'the end of the client', [401]],
  ['a refusal was sent before the end of the body', 'silence', [401]],
  ['an answer is due', 'a request', [200]],
  ['an answer is due', 'no HTTP', [200]],
  ['an answer is due', 'CONNECT', [200]],
  ['an answer is due', 'CONNECT with a body', [200]],
  ['an answer is due', 'an upgrade', [200]],
  ['an answer is due', 'an unknown expectation', [200]],
  ['an answer is due', 'the end of the client', [200]],
  ['an answer has begun', 'a request', [200]],
  ['an answer has begun', 'no HTTP', [200]],
  ['an answer has begun', 'CONNECT', [200]],
  ['an answer has begun', 'the end of the client', [200]],
  ['an answer was sent', 'a request', [200, 200]],
  ['an answer was sent', 'an empty line and a request', [200, 200]],
  ['an answer was sent', 'no HTTP', [200, 400]],
  ['an answer was sent', 'CONNECT', [200, 405]],
  ['an answer was sent', 'an upgrade', [200, 200]],
  ['an answer was sent', 'an unknown expectation', [200, 417]],
  ['an answer was sent', 'the end of the client', [200]],
];

describe.concurrent('the answers of a connection on which', () => {
  // In one write the event comes before anything is answered; in two it finds the state as it is.
  const cases = ANSWERS.flatMap(([state, event, statuses]) =>
    (['one write', 'two writes'] as const).map((writes) => ({ state, event, statuses, writes })),
  ).filter(
    ({ state, event, writes }) =>
      writes === 'two writes' ||
      (typeof EVENTS[event] === 'string' && !/(refusal|answer) was sent/.test(state)),
  );
  it.for(cases)('$state, and $event comes ($writes): $statuses', async (row, { expect }) => {
    const { state, event, statuses, writes } = row;
    const server = await listen();
    try {
      const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
      const received = buffer(socket.on('error', () => {}));
      const bytes = EVENTS[event];
      if (writes === 'one write') socket.write(STATES[state] + bytes);
      else {
        socket.write(STATES[state]);
        await server.reached(state);
        if (bytes === null) socket.end();
        else if (bytes !== undefined) socket.write(bytes);
      }
      await server.othersAreAnswered();
      if (event !== 'silence' && event !== 'more of the body') server.release();
      const answers = parseAnswers(await received);
      socket.destroy();
      expect(answers.map(({ status }) => status)).toEqual(statuses);
    } finally {
      await server.close();
    }
  });
});

it('answers under the id of the request that is cut short', async () => {
  const server = await listen();
  const socket = connect(server.port, '127.0.0.1');
  const received = buffer(socket);
  socket.write(`${post('/guarded', CHUNKED, 'X-Request-Id: mine')}zz\r\n`);
  const [answer] = parseAnswers(await received);
  expect(answer?.headers['x-request-id']).toBe('mine');
  expect(answer?.body).toMatchObject({ requestId: 'mine' });
  await server.close();
});

it('says that an answer is the last one when a request came before it', async () => {
  const server = await listen();
  const socket = connect(server.port, '127.0.0.1');
  const received = buffer(socket);
  socket.write(get('/held') + get('/now'));
  await server.othersAreAnswered();
  server.release();
  const [answer, ...more] = parseAnswers(await received);
  expect(answer?.headers.connection).toBe('close');
  expect(more).toEqual([]);
  expect(server.handled).not.toContain('/now');
  await server.close();
});

/** A server with a route for each state. Requests to /held and /guarded go on when they are released. */
async function listen() {
  const released = Promise.withResolvers<void>();
  const handled: string[] = [];
  const app = createBaseApp({
    logger: createLogger({ write() {} }, 'silent'),
    draining: () => false,
    requestTimeoutMs: 300,
  });
  const seen = new Map<string, PromiseWithResolvers<void>>();
  const at = (path: string) => {
    const known = seen.get(path) ?? Promise.withResolvers<void>();
    seen.set(path, known);
    return known;
  };
  app.addHook('onRequest', async ({ url }) => {
    if (url !== '/other') handled.push(url);
    at(url).resolve();
    if (url === '/guarded') await released.promise;
    if (url === '/refused') throw new ServiceError('credential_missing');
  });
  app.get('/now', async () => ({}));
  app.get('/other', async () => ({}));
  app.get('/held', async () => released.promise.then(() => ({})));
  app.get('/begun', async (_request, reply) => {
    const body = new Readable({ read() {} });
    body.push('be');
    released.promise.then(() => body.push('gun'));
    released.promise.then(() => body.push(null));
    return reply.header('content-length', 5).send(body);
  });
  app.post('/body', async () => ({}));
  app.post('/guarded', async () => ({}));
  app.post('/refused', async () => ({}));
  await app.listen({ host: '127.0.0.1', port: 0 });
  app.server.headersTimeout = 200;
  const { port } = app.server.address() as AddressInfo;
  const othersAreAnswered = async () => {
    for (let n = 0; n < 3; n++) await fetch(`http://127.0.0.1:${port}/other`);
  };
  return {
    port,
    handled,
    release: released.resolve,
    othersAreAnswered,
    async reached(state: keyof typeof STATES) {
      const [, path] = / (\/\w+) .*\r\n\r\n/s.exec(STATES[state]) ?? [];
      if (path !== undefined) await at(path).promise;
      await othersAreAnswered();
    },
    async close() {
      app.server.closeAllConnections();
      await app.close();
    },
  };
}
