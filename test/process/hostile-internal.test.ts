import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProblem } from '../support/problem.ts';
import { converse, rawRequest } from '../support/raw-http.ts';
import { type Service, startService } from '../support/service.ts';

const KEY = 'internal-admin-key-0123456789-012345';
const ADMIN = `Authorization: Bearer ${KEY}`;

let service: Service;
let port: number;

beforeAll(async () => {
  service = await startService({ ADMIN_API_KEY: KEY });
  port = Number(URL.parse(service.internal)?.port);
});

afterAll(async () => {
  try {
    expect(process.kill(service.pid, 0)).toBe(true);
    expect((await fetch(`${service.internal}/metrics`)).status).toBe(200);
    expect((await fetch(`${service.origin}/healthz`)).status).toBe(200);
    expect(service.stdout()).not.toMatch(/"level":"(error|fatal)"/);
    expect(service.stderr()).toBe('');
  } finally {
    await service.stop();
  }
});

/** The one answer of the internal listener, after which it hangs up. */
async function send(bytes: string | Uint8Array) {
  const answers = await converse(port, bytes);
  expect(answers).toHaveLength(1);
  return answers[0] as (typeof answers)[0];
}

describe('a target that cannot be read is 400 on the internal listener', () => {
  it.each([
    'GET /%zz HTTP/1.1',
    'GET /directory/users/%zz HTTP/1.1',
    'PUT /directory/rooms/%c3%28/members/alice HTTP/1.1',
    'GET /docs/%zz HTTP/1.1',
    'GET /docs/static/%e0%a4%a HTTP/1.1',
    'GET /docs/static/../../package.json HTTP/1.1',
    'GET /docs/static/%2e%2e/%2e%2e/package.json HTTP/1.1',
    'GET /metrics%zz HTTP/1.1',
    'GET http://test/%zz HTTP/1.1',
  ])('%s', async (line) => {
    expectProblem(await send(rawRequest(line, [ADMIN])), 400, 'invalid_request', 'fix_request');
  });

  it.each([
    ['a target without a slash', rawRequest('GET metrics HTTP/1.1')],
    ['a raw control character', rawRequest('GET /\x01 HTTP/1.1')],
    ['a space in the target', rawRequest('GET /met rics HTTP/1.1')],
    ['no target', rawRequest('GET  HTTP/1.1')],
    ['no Host', 'GET /metrics HTTP/1.1\r\n\r\n'],
    ['two Host headers', rawRequest('GET /metrics HTTP/1.1', ['Host: other'])],
    ['two admin keys', rawRequest('GET /directory/export HTTP/1.1', [ADMIN, ADMIN])],
    [
      'two lengths',
      rawRequest('GET /metrics HTTP/1.1', ['Content-Length: 0', 'Content-Length: 1']),
    ],
    ['nothing that is HTTP', 'hello\r\n\r\n'],
  ])('%s', async (_what, bytes) => {
    const answer = await send(bytes.replace('Connection: close\r\n', ''));
    expectProblem(answer, 400, 'invalid_request', 'fix_request');
    expect(answer.headers.connection).toBe('close');
  });
});

describe('a target that is nowhere is 404 on the internal listener', () => {
  it.each([
    '//',
    '/../metrics',
    '/directory',
    '/directory/members',
    '/directory/users/../users/alice',
    '/directory%2fusers%2falice',
    '/docs/../metrics',
    '/docs/nowhere',
    '/video-token',
    '/healthz/',
  ])('%s', async (path) => {
    const answer = await send(rawRequest(`GET ${path} HTTP/1.1`, [ADMIN]));
    expectProblem(answer, 404, 'not_found', 'fix_request');
  });
});

describe('what else the internal listener refuses', () => {
  it.each(['POST /metrics', 'DELETE /docs', 'GET /directory/import', 'TRACE /directory/export'])(
    '%s is 405',
    async (line) => {
      const answer = await send(rawRequest(`${line} HTTP/1.1`, [ADMIN]));
      expectProblem(answer, 405, 'method_not_allowed', 'fix_request');
      expect(answer.headers.allow).toMatch(/^[A-Z, ]+$/);
    },
  );

  it('an id that is a NUL, too long or not valid Unicode is 400', async () => {
    for (const id of ['%00', 'a'.repeat(65), '%c2%85', '%ed%a0%80']) {
      const answer = await send(rawRequest(`GET /directory/users/${id} HTTP/1.1`, [ADMIN]));
      expectProblem(answer, 400, 'invalid_request', 'fix_request');
    }
  });

  it('headers of 20 kB are 431, and a target of 20 kB too', async () => {
    const headers = await send(rawRequest('GET /metrics HTTP/1.1', [`X-A: ${'a'.repeat(20_000)}`]));
    expectProblem(headers, 431, 'headers_too_large', 'fix_request');
    const target = await send(rawRequest(`GET /${'a'.repeat(20_000)} HTTP/1.1`));
    expectProblem(target, 431, 'headers_too_large', 'fix_request');
  });

  it.each([
    ['no key', [], 'credential_missing'],
    ['a wrong key', [`${ADMIN}x`], 'credential_invalid'],
    ['no Bearer', [ADMIN.replace('Bearer', 'Basic')], 'credential_invalid'],
    ['an empty key', ['Authorization: Bearer '], 'credential_invalid'],
  ])('%s is 401, and the body is not read', async (_what, headers, code) => {
    const head = [...headers, 'Content-Type: application/json', 'Content-Length: 1000'];
    const answer = await send(rawRequest('PUT /directory/users/alice HTTP/1.1', head, '{'));
    const { detail } = expectProblem(answer, 401, code, 'sign_in');
    expect(detail).toContain('ADMIN_API_KEY');
  });

  it.each([
    ['an import as JSON', 'POST /directory/import', 'application/json', 'application/x-ndjson'],
    ['a user as text', 'PUT /directory/users/alice', 'text/plain', 'application/json'],
    ['a user as NDJSON', 'PUT /directory/users/alice', 'application/x-ndjson', 'application/json'],
  ])('%s is 415, and says what to send', async (_what, line, type, right) => {
    const head = [ADMIN, `Content-Type: ${type}`, 'Content-Length: 2'];
    const answer = await send(rawRequest(`${line} HTTP/1.1`, head, '{}'));
    const { detail } = expectProblem(answer, 415, 'unsupported_media_type', 'fix_request');
    expect(detail).toContain(right);
  });
});

it.each([
  ['a range that is not there', 'Range: bytes=99999999-'],
  ['a condition on another version', 'If-Match: "x"'],
  ['a condition on an old time', 'If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT'],
])('%s of the API reference gives all of it', async (_name, header) => {
  const target = 'GET /docs/static/swagger-ui.css HTTP/1.1';
  const { status } = await send(rawRequest(target, [header, 'Connection: close']));
  expect(status).toBe(200);
});

describe('one answer on the internal listener', () => {
  const put =
    'PUT /directory/users/alice HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';

  it('to a body without end behind a refusal, and the end within two seconds', async () => {
    const began = performance.now();
    const answers = await converse(port, `${put}Transfer-Encoding: chunked\r\n\r\n`, (socket) => {
      const chunk = '1\r\n \r\n'.repeat(10_000);
      const send = () => {
        while (socket.writable && socket.write(chunk));
      };
      socket.on('drain', send);
      send();
    });
    expect(answers.map(({ status }) => status)).toEqual([401]);
    expect(answers[0]?.headers.connection).toBe('close');
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it.each([
    ['a bad chunk behind a refusal', [], 'zz\r\n'],
    ['a bad chunk of a body that may be sent', [ADMIN], 'zz\r\n'],
    [
      'a request behind one that has no answer yet',
      [ADMIN],
      '0\r\n\r\nGET /version HTTP/1.1\r\n\r\n',
    ],
    ['a tunnel behind one', [ADMIN], '0\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ])('to %s', async (_what, headers, bytes) => {
    const head = [...headers, 'Transfer-Encoding: chunked', '', ''].join('\r\n');
    expect(await converse(port, put + head + bytes)).toHaveLength(1);
  });
});

it('takes a room of 1 MB in pieces of a byte', async () => {
  const room = JSON.stringify({ memberIds: [] }).padEnd(1_000_000);
  const chunks = [...room].map((byte) => `1\r\n${byte}\r\n`).join('');
  const head = [ADMIN, 'Content-Type: application/json', 'Transfer-Encoding: chunked'];
  const bytes = rawRequest('PUT /directory/rooms/pieces HTTP/1.1', head, `${chunks}0\r\n\r\n`);
  expect((await send(bytes)).status).toBe(200);
});
