import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type BaseAppOptions, createBaseApp } from '../../src/http/base.ts';
import {
  createClientErrorHandler,
  handleExpectAndConnect,
} from '../../src/http/problems/node-errors.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { expectProblem } from '../support/problem.ts';
import { converse, rawRequest } from '../support/raw-http.ts';

const CONNECT = 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n';

async function open(options: Partial<BaseAppOptions> = {}) {
  const logger = createLogger({ write() {} }, 'silent');
  const app = createBaseApp({ logger, draining: () => false, ...options });
  app.get('/', async () => ({}));
  await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    app.server.closeAllConnections();
    await app.close();
  });
  const { port } = app.server.address() as AddressInfo;
  const answerTo = async (bytes: string) => {
    const answers = await converse(port, bytes);
    expect(answers).toHaveLength(1);
    return answers[0] as (typeof answers)[0];
  };
  return { app, port, answerTo };
}

it('answers an expectation that it does not know with a problem of 417, and closes', async () => {
  const { answerTo } = await open();
  const bytes = rawRequest('GET / HTTP/1.1', ['Expect: a']).replace('Connection: close\r\n', '');
  const answer = await answerTo(bytes);
  const { errors, requestId } = answer.body as Record<string, unknown>;
  expect(answer.status).toBe(417);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/problem+json; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'x-request-id': requestId,
    connection: 'close',
  });
  expect(answer.body).toMatchObject({ status: 417, code: 'invalid_request' });
  expect(errors).toEqual([{ path: '', message: 'Expect may only be 100-continue' }]);
});

it('answers bytes that are no HTTP with a problem, under an id of its own, and closes', async () => {
  const { port } = await open();
  const ids = [];
  for (let n = 0; n < 2; n++) {
    const socket = connect(port, '127.0.0.1');
    socket.write('no HTTP\r\n\r\n');
    const answer = await text(socket);
    const [line, ...rest] = answer.slice(0, answer.indexOf('\r\n\r\n')).split('\r\n');
    expect(line).toBe('HTTP/1.1 400 Bad Request');
    expect(rest).toContain('connection: close');
    ids.push(rest.find((field) => field.startsWith('x-request-id')));
  }
  expect(new Set(ids).size).toBe(2);
});

it.each<[number, string, string, string]>([
  [
    431,
    'headers_too_large',
    'fix_request',
    rawRequest('GET / HTTP/1.1', [`A: ${'a'.repeat(20_000)}`]),
  ],
  [408, 'request_timeout', 'fix_request', 'GET / HTTP/1.1\r\nHost: a\r\n'],
  [400, 'invalid_request', 'fix_request', 'GET / HTTP/1.1\r\nHost: a\r\nno field\r\n\r\n'],
  [405, 'method_not_allowed', 'fix_request', CONNECT],
])('answers %d %s to what Node.js would answer itself', async (status, code, action, bytes) => {
  const { answerTo } = await open({ requestTimeoutMs: 50 });
  const answer = await answerTo(bytes);
  expectProblem(answer, status, code, action);
  expect(answer.headers.connection).toBe('close');
  if (status === 405) expect(answer.headers.allow).toBe('');
});

it('answers bytes that are no HTTP once, however many follow', async () => {
  const { port } = await open();
  const answers = await converse(port, 'no HTTP\r\n\r\n', (socket) => {
    for (let n = 0; n < 10; n++) socket.write('nor this\r\n\r\n');
  });
  expect(answers.map(({ status }) => status)).toEqual([400]);
});

it('ends the connection of a refused CONNECT, though its client keeps it open', async () => {
  const { app, port } = await open();
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => {}).resume();
  const [accepted] = (await once(app.server, 'connection')) as [Socket];
  client.write(CONNECT);
  await once(accepted, 'close');
  client.destroy();
});

/** Both ends of a connection; the server's side stays open when the client ends its own. */
async function openPair() {
  const server = createServer({ allowHalfOpen: true });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
  const [accepted] = (await once(server, 'connection')) as [Socket];
  onTestFinished(() => {
    client.destroy();
    accepted.destroy();
    server.close();
  });
  const errors: unknown[] = [];
  accepted.on('error', (error) => errors.push(error));
  return { client, accepted, errors };
}

const atOnce = (_socket: object, then: () => void) => then();
const parseError = () => Object.assign(new Error('on purpose'), { code: 'HPE_INVALID_METHOD' });

it('destroys a connection that was reset, without an answer', async () => {
  const { client, accepted } = await openPair();
  createClientErrorHandler(atOnce)(
    Object.assign(new Error('on purpose'), { code: 'ECONNRESET' }),
    accepted,
  );
  expect(accepted.destroyed).toBe(true);
  expect(await text(client)).toBe('');
});

it('destroys a connection on which no answer can be written any more', async () => {
  const { accepted } = await openPair();
  accepted.end();
  createClientErrorHandler(atOnce)(parseError(), accepted);
  expect(accepted.destroyed).toBe(true);
});

it('asks once for the answers before bytes that are no HTTP', async () => {
  const { accepted } = await openPair();
  let asked = 0;
  const handle = createClientErrorHandler(() => void asked++);
  handle(parseError(), accepted);
  handle(parseError(), accepted);
  expect(asked).toBe(1);
});

it('answers nothing behind an answer that has closed the connection', async () => {
  const { client, accepted, errors } = await openPair();
  const handle = createClientErrorHandler((_socket, then) => {
    accepted.end('last');
    then();
  });
  handle(parseError(), accepted);
  expect(await text(client)).toBe('last');
  expect(errors).toEqual([]);
});

describe('a refused CONNECT', () => {
  /** A server that leaves it to the test when the answers before a CONNECT are out. */
  async function openTunnel() {
    const server = createHttpServer();
    const asked = Promise.withResolvers<[Socket, () => void]>();
    handleExpectAndConnect(server, (socket, then) => asked.resolve([socket as Socket, then]));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    onTestFinished(() => {
      client.destroy();
      server.close();
    });
    client.on('error', () => {}).write(CONNECT);
    const [accepted, answer] = await asked.promise;
    return { client, accepted, answer };
  }

  it('gets nothing behind an answer that has closed the connection', async () => {
    const { client, accepted, answer } = await openTunnel();
    const errors: unknown[] = [];
    accepted.on('error', (error) => errors.push(error)).end('last');
    answer();
    expect(await text(client)).toBe('last');
    expect(errors).toEqual([]);
  });

  it('that fails ends its own connection, and nothing else', async () => {
    const { accepted } = await openTunnel();
    expect(accepted.emit('error', new Error('on purpose'))).toBe(true);
    expect(accepted.destroyed).toBe(true);
  });
});
