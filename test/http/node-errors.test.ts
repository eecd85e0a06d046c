import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type BaseAppOptions, createBaseApp } from '../../src/http/base.ts';
import { createClientErrorHandler } from '../../src/http/problems/node-errors.ts';
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

it('survives an error of a connection that asked for a tunnel', async () => {
  const { app, port, answerTo } = await open();
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => {});
  const [accepted] = (await once(app.server, 'connection')) as [Socket];
  client.write(CONNECT);
  await once(client, 'data');
  const gone = new Promise((resolve) => accepted.once('close', resolve));
  client.resetAndDestroy();
  await gone;
  expect(await answerTo(rawRequest('GET / HTTP/1.1'))).toMatchObject({ status: 200 });
});

it.each<[kind: string, name: string, bytes: string]>([
  ['tls', 'a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  [
    'proxy_protocol',
    'version 1',
    'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  ],
  ['proxy_protocol', 'version 1, unknown', 'PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['proxy_protocol', 'version 2', '\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c'],
  [
    'headers_too_large',
    'a long header',
    `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
  ],
  ['malformed', 'HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['malformed', 'a word', 'hello\r\n\r\n'],
  ['malformed', 'a method like PROXY', 'PROXYING / HTTP/1.1\r\n\r\n'],
])('counts bytes that are not a request, once: %s, %s', async (kind, _name, bytes) => {
  const kinds: string[] = [];
  const { port } = await open({ onClientError: (seen) => kinds.push(seen) });
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.write(Buffer.from(bytes, 'latin1'));
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 4\d\d /);
  expect(kinds).toEqual([kind]);
});

describe('a parse error', () => {
  const never = () => expect.unreachable();

  /** The server's side of a connection. */
  async function openAccepted() {
    const { app, port } = await open();
    const connected = once(app.server, 'connection');
    const client = connect(port, '127.0.0.1').on('error', () => {});
    onTestFinished(() => void client.destroy());
    return ((await connected) as [Socket])[0];
  }

  it('on a connection that was reset destroys it, without an answer', async () => {
    const accepted = await openAccepted();
    const error = Object.assign(new Error('on purpose'), { code: 'ECONNRESET' });
    createClientErrorHandler(never)(error, accepted);
    expect(accepted.destroyed).toBe(true);
  });

  it('on a connection on which nothing can be written any more destroys it', async () => {
    const accepted = await openAccepted();
    accepted.end();
    createClientErrorHandler(never)(new Error('on purpose'), accepted);
    expect(accepted.destroyed).toBe(true);
  });
});
