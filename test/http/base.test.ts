import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as nextIteration } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { ServiceError } from '../../src/errors.ts';
import { auditContext } from '../../src/http/audit.ts';
import { type BaseAppOptions, createBaseApp } from '../../src/http/base.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { expectProblem } from '../support/problem.ts';
import { converse, rawRequest } from '../support/raw-http.ts';

/** A bare application with a few routes, on a real socket, and what it logged. */
async function open(options: Partial<BaseAppOptions> = {}) {
  const log: string[] = [];
  const logger = createLogger({ write: (line) => void log.push(line) }, 'trace');
  const app = createBaseApp({ logger, draining: () => false, ...options });
  const context: object[] = [];
  let raised: unknown;
  app.post('/items', async () => ({}));
  app.get('/items', async () => ({}));
  app.get('/client', async ({ ip, host, id }) => ({ ip, host, id }));
  app.get('/things/:id', async ({ params }) => params);
  // Answers when its client has said that it sends no more.
  app.get('/ended', (request) => once(request.raw.socket, 'end').then(() => ({})));
  app.get('/error', async () => {
    throw raised;
  });
  app.addHook('onSend', async (request) => void context.push({ ...auditContext(request) }));
  await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    app.server.closeAllConnections();
    await app.close();
  });
  const { port } = app.server.address() as AddressInfo;
  const send = async (line: string, headers: readonly string[] = []) => {
    const [answer] = await converse(port, rawRequest(line, headers));
    if (!answer) throw new Error('there is no answer');
    return answer;
  };
  const raise = (error: unknown) => {
    raised = error;
    return send('GET /error HTTP/1.1');
  };
  return { app, port, log, context, send, raise };
}

it.each([
  '/items',
  '/items?a=b',
  '/items?a?b',
  '/items#a',
  'http://test/items',
  'https://test:80/items?a',
  'HTTP://test/items',
])('answers a wrong method at %s with 405 and the right ones, sorted', async (target) => {
  const { send } = await open();
  const answer = await send(`DELETE ${target} HTTP/1.1`);
  expectProblem(answer, 405, 'method_not_allowed', 'fix_request');
  expect(answer.headers.allow).toBe('GET, HEAD, POST');
});

it.each(['/itemshttp://test', '/http://test/items', 'ftp://test/items', '/item'])(
  'answers a wrong method at %s with 404, as there is no such path',
  async (target) => {
    const { send } = await open();
    expectProblem(await send(`DELETE ${target} HTTP/1.1`), 404, 'not_found', 'fix_request');
  },
);

it('answers a request that had begun to arrive when it closed', async () => {
  const { app, port } = await open();
  const [start, end] = [rawRequest('GET /client HTTP/1.1').slice(0, -2), '\r\n'];
  const closing = Promise.withResolvers<void>();
  app.server.once('connection', (socket: Socket) =>
    socket.once('data', () => closing.resolve(app.close())),
  );
  const answers = converse(port, start, async (socket) => {
    while (app.server.listening) await nextIteration();
    socket.write(end);
  });
  expect((await answers).map(({ status }) => status)).toEqual([200]);
  await closing.promise;
});

it('answers a client that has said with its request that it sends no more', async () => {
  const { port } = await open();
  const bytes = rawRequest('GET /ended HTTP/1.1');
  const answers = await converse(port, bytes, (socket) => socket.end());
  expect(answers.map(({ status }) => status)).toEqual([200]);
});

it('takes bodies of JSON alone', async () => {
  const { port } = await open();
  const post = async (type: string) => {
    const headers = [`Content-Type: ${type}`, 'Content-Length: 2'];
    const [answer] = await converse(port, rawRequest('POST /items HTTP/1.1', headers, '{}'));
    return answer?.status;
  };
  expect([await post('application/json'), await post('text/plain')]).toEqual([200, 415]);
});

it('takes a path parameter of 128 bytes', async () => {
  const { send } = await open();
  for (const id of ['a'.repeat(128), 'é'.repeat(64)]) {
    const { body } = await send(`GET /things/${encodeURIComponent(id)} HTTP/1.1`);
    expect(body).toEqual({ id });
  }
});

it('takes the id of a request from X-Request-Id alone', async () => {
  const { send } = await open();
  const { body } = await send('GET /client HTTP/1.1', ['Request-Id: a', 'X-Request-Id: b']);
  expect(body).toMatchObject({ id: 'b' });
  const other = await send('GET /client HTTP/1.1', ['Request-Id: a']);
  expect(other.body).not.toMatchObject({ id: 'a' });
});

it('believes what a proxy forwards where it is trusted alone', async () => {
  const forwarded = ['X-Forwarded-For: 203.0.113.7', 'X-Forwarded-Host: other'];
  const direct = await open();
  const { body } = await direct.send('GET /client HTTP/1.1', forwarded);
  expect(body).toMatchObject({ ip: '127.0.0.1', host: 'test' });
  const proxied = await open({ trustProxy: ['127.0.0.1'] });
  const behind = await proxied.send('GET /client HTTP/1.1', forwarded);
  expect(behind.body).toMatchObject({ ip: '203.0.113.7', host: 'other' });
});

it('logs nothing of a request that it answers or refuses', async () => {
  const { send, log } = await open();
  log.length = 0;
  for (const path of ['/items', '/nope', '/%zz']) await send(`GET ${path} HTTP/1.1`);
  expect(log).toEqual([]);
});

it('logs an unexpected error with its place and the id of the request', async () => {
  const { raise, log, context } = await open();
  log.length = 0;
  const { requestId } = expectProblem(await raise(new Error('broken')), 500, 'internal_error');
  expect(log.map((line) => JSON.parse(line))).toMatchObject([
    { level: 'error', msg: 'internal error', requestId, err: { name: 'Error' } },
  ]);
  expect(context).toStrictEqual([{ code: 'internal_error' }]);
});

it.each<[string, ServiceError, object]>([
  ['no reason', new ServiceError('overloaded'), { code: 'overloaded' }],
  [
    'the reason',
    new ServiceError('credential_invalid', { reason: { code: 'signature' } }),
    { code: 'credential_invalid', reason: 'signature' },
  ],
  [
    'what was expected and received',
    new ServiceError('credential_invalid', { reason: { code: 'a', expected: 'b', received: 'c' } }),
    { code: 'credential_invalid', reason: 'a', expected: 'b', received: 'c' },
  ],
  [
    'the innermost reason of a dependency',
    new ServiceError('dependency_unavailable', {
      cause: new Error('fetch failed', { cause: { code: 'ECONNREFUSED' } }),
    }),
    { code: 'dependency_unavailable', reason: 'ECONNREFUSED' },
  ],
  [
    'no reason of a dependency that gave none',
    new ServiceError('dependency_unavailable'),
    { code: 'dependency_unavailable' },
  ],
])('leaves %s of a refusal for the audit log', async (_, error, expected) => {
  const { raise, context, log } = await open();
  log.length = 0;
  await raise(error);
  expect(context).toStrictEqual([expected]);
  expect(log).toEqual([]);
});

it('closes the connection of a request whose headers two parsers could read in two ways', async () => {
  const { port } = await open();
  const doubled = 'GET /items HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n';
  const answers = await converse(port, doubled + rawRequest('GET /items HTTP/1.1'));
  expect(answers.map(({ status }) => status)).toEqual([400]);
  expect(answers[0]?.headers.connection).toBe('close');
});

it('answers a request without Host with a problem', async () => {
  const { port } = await open();
  const [answer] = await converse(port, 'GET /items HTTP/1.1\r\nConnection: close\r\n\r\n');
  expectProblem(answer as NonNullable<typeof answer>, 400, 'invalid_request', 'fix_request');
});

it('says the sentences of its routes in place of the usual ones', async () => {
  const { send } = await open({ details: { not_found: 'Look elsewhere.' } });
  const { detail } = expectProblem(await send('GET /nope HTTP/1.1'), 404, 'not_found');
  expect(detail).toBe('Look elsewhere.');
});

it.each([
  ['/nope', 'beforeNotFound'],
  ['/%zz', 'beforeFrameworkError'],
] as const)('may refuse %s before anything else is said of it: %s', async (path, hook) => {
  const refuse = async () => {
    throw new ServiceError('rate_limited', { retryAfter: 9 });
  };
  const { send } = await open({ [hook]: refuse });
  const answer = await send(`GET ${path} HTTP/1.1`);
  expectProblem(answer, 429, 'rate_limited', 'retry');
  expect(answer.headers['retry-after']).toBe('9');
  expect((await send('GET /items HTTP/1.1')).status).toBe(200);
});
