import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BODIES } from '../support/ask.ts';
import { signFreshJwt } from '../support/jwt.ts';
import { expectProblem } from '../support/problem.ts';
import { converse, rawRequest } from '../support/raw-http.ts';
import { type Service, startService } from '../support/service.ts';

const HEALTH = 'GET /healthz HTTP/1.1';

let service: Service;
let authorization: string;

beforeAll(async () => {
  service = await startService({ ROOM_TOKENS: 'on', BASIC_TOKENS: 'on' });
  authorization = `Authorization: Bearer ${await signFreshJwt()}`;
  return service.stop;
});

afterAll(async () => {
  const { status } = await fetch(`${service.origin}/healthz`);
  expect([status, alive(service.pid)]).toEqual([200, true]);
  const statuses = service.decisions().map(({ outcome, code }) => [outcome, code]);
  expect(statuses).not.toContainEqual(['failed', 'internal_error']);
});

/** The same request from a client that does not ask the server to hang up. */
function keptAlive(request: string): string {
  return request.replace('Connection: close\r\n', '');
}

/** The one answer to a request after which the server hangs up. */
async function send(bytes: string | Uint8Array) {
  const answers = await converse(service.port, bytes);
  expect(answers).toHaveLength(1);
  return answers[0] as (typeof answers)[0];
}

describe.each(BODIES)('%s', (path, body) => {
  const POST = `POST ${path} HTTP/1.1`;
  const text = JSON.stringify(body);

  function post(...headers: string[]) {
    const own = ['Content-Type: application/json', `Content-Length: ${text.length}`];
    return rawRequest(POST, [authorization, ...own, ...headers], text);
  }

  describe('bytes that two servers could read as different requests are 400, and the end', () => {
    const chunked = '5\r\nhello\r\n0\r\n\r\n';
    it.each([
      ['Content-Length and Transfer-Encoding', ['Content-Length: 5', 'Transfer-Encoding: chunked']],
      ['Transfer-Encoding and Content-Length', ['Transfer-Encoding: chunked', 'Content-Length: 5']],
      ['two lengths', ['Content-Length: 5', 'Content-Length: 6']],
      ['two equal lengths', ['Content-Length: 5', 'Content-Length: 5']],
      ['a list of lengths', ['Content-Length: 5, 5']],
      ['a length with a sign', ['Content-Length: +5']],
      ['a length in hexadecimal', ['Content-Length: 0x5']],
      ['chunked before identity', ['Transfer-Encoding: chunked, identity']],
      ['an unknown encoding', ['Transfer-Encoding: xchunked']],
      ['a space before the colon', ['Transfer-Encoding : chunked']],
      ['a space before the name', [' Transfer-Encoding: chunked']],
      ['a folded line', ['X-A: a', '\tb: c']],
      ['a NUL in a value', ['X-A: a\0b']],
      ['a bare CR in a value', ['X-A: a\rb']],
      ['a header without a name', [': a']],
      ['a chunk size that is no number', ['Transfer-Encoding: chunked', '', 'zz\r\n']],
    ])('%s', async (_what, headers) => {
      const answer = await send(keptAlive(rawRequest(POST, [authorization, ...headers], chunked)));
      expectProblem(answer, 400, 'invalid_request', 'fix_request');
      expect(answer.headers.connection).toBe('close');
    });

    it.each([
      ['lines that end in a bare LF', 'GET /healthz HTTP/1.1\nHost: test\n\n'],
      ['two Host headers', rawRequest(HEALTH, ['Host: other'])],
      ['no Host header', 'GET /healthz HTTP/1.1\r\n\r\n'],
      ['a line of HTTP/0.9', 'GET /healthz\r\n\r\n'],
      ['a line of HTTP/0.9 that says so', 'GET /healthz HTTP/0.9\r\nHost: test\r\n\r\n'],
      ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
      ['HTTP/2 in HTTP/1', rawRequest('GET /healthz HTTP/2.0')],
      ['an unknown method', rawRequest('FETCH /healthz HTTP/1.1')],
      ['a space in the target', rawRequest('GET /health z HTTP/1.1')],
      ['nothing that is HTTP', 'hello\r\n\r\n'],
    ])('%s', async (_what, bytes) => {
      const answer = await send(keptAlive(bytes));
      expectProblem(answer, 400, 'invalid_request', 'fix_request');
      expect(answer.headers.connection).toBe('close');
    });

    it.each([
      ['host', 'Host: test'],
      ['authorization', 'Authorization: Bearer a.b.c'],
      ['content-type', 'Content-Type: text/plain'],
    ])('two headers %s', async (name, second) => {
      const answer = await send(keptAlive(post(second)));
      const { errors } = expectProblem(answer, 400, 'invalid_request', 'fix_request');
      expect(errors).toEqual([{ path: '', message: `send the header ${name} once` }]);
    });

    it('the hello of TLS', async () => {
      const hello = Buffer.alloc(171);
      hello.write('16030100a5010000a10303', 'hex');
      expectProblem(await send(hello), 400, 'invalid_request', 'fix_request');
    });
  });

  describe('what the client may not ask for', () => {
    it.each([
      `GET ${path} HTTP/1.1`,
      `OPTIONS ${path} HTTP/1.1`,
      `TRACE ${path} HTTP/1.1`,
      `GET http://test${path} HTTP/1.1`,
      `GET HTTP://test:80${path}?a HTTP/1.1`,
      `GET ${path}#a HTTP/1.1`,
    ])('%s is 405', async (line) => {
      const answer = await send(rawRequest(line, ['X-Echo: echo-me']));
      expectProblem(answer, 405, 'method_not_allowed', 'fix_request');
      expect(answer.headers.allow).toBe('POST');
      expect(JSON.stringify(answer)).not.toContain('echo-me');
    });

    it('a tunnel is 405, and the end', async () => {
      const answer = await send('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n');
      expectProblem(answer, 405, 'method_not_allowed', 'fix_request');
    });

    it('another protocol is not taken up', async () => {
      const upgrade = rawRequest(HEALTH).replace('close', 'upgrade, close');
      const answer = await send(upgrade.replace('Host', 'Upgrade: h2c\r\nHost'));
      expect(answer.status).toBe(200);
    });

    it('an expectation that nobody knows is 417, and the body is not waited for', async () => {
      const head = [authorization, 'Expect: foo', 'Content-Length: 10'];
      expectProblem(await send(rawRequest(POST, head)), 417, 'invalid_request', 'fix_request');
    });

    it('headers of 20 kB are 431', async () => {
      const answer = await send(rawRequest(HEALTH, [`X-A: ${'a'.repeat(20_000)}`]));
      expectProblem(answer, 431, 'headers_too_large', 'fix_request');
    });

    it.each([101, 1_500, 2_500])('%d headers are 431, and the end', async (count) => {
      const many = Array.from({ length: count }, (_, n) => `${n.toString(36)}:`);
      const answer = await send(keptAlive(rawRequest(HEALTH, many)));
      expectProblem(answer, 431, 'headers_too_large', 'fix_request');
    });

    it('an address that cannot be decoded is 400', async () => {
      const answer = await send(rawRequest('GET /%zz HTTP/1.1'));
      expectProblem(answer, 400, 'invalid_request', 'fix_request');
    });

    it.each(['//', '/../', '/%2f', '/%00', `${path}/../healthz`, `${path}%2f`])(
      'the address %s is 404',
      async (address) => {
        const answer = await send(rawRequest(`POST ${address} HTTP/1.1`));
        expectProblem(answer, 404, 'not_found', 'fix_request');
      },
    );
  });

  describe('what looks odd and is harmless', () => {
    it('HTTP/1.0 is answered, and the connection closed', async () => {
      expect((await send('GET /healthz HTTP/1.0\r\n\r\n')).status).toBe(200);
    });

    it('a header named __proto__ changes nothing', async () => {
      expect((await send(post('__proto__: a', 'constructor: b'))).status).toBe(200);
    });

    it.each(['  application/json', '\tapplication/json \t', 'application/json ;charset=UTF-8'])(
      'white space around a media type changes nothing: %j',
      async (type) => {
        const answer = await send(
          post().replace('Content-Type: application/json', `Content-Type: ${type}`),
        );
        expect(answer.status).toBe(200);
      },
    );

    it('the Host of a target in absolute form is not told again', async () => {
      const target = 'GET http://evil.example/nope HTTP/1.1';
      const answer = await send(rawRequest(target));
      expectProblem(answer, 404, 'not_found', 'fix_request');
      expect(JSON.stringify(answer)).not.toContain('evil.example');
    });

    it('a target in absolute form is the same address', async () => {
      const answer = await send(post().replace(path, `http://test${path}`));
      expect(answer.status).toBe(200);
    });

    it('a body in chunks is a body', async () => {
      const chunks = `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
      const head = [authorization, 'Content-Type: application/json', 'Transfer-Encoding: chunked'];
      expect((await send(rawRequest(POST, head, chunks))).status).toBe(200);
    });

    it('a client that waits for 100 Continue gets it and then its token', async () => {
      const answers = await converse(service.port, post('Expect: 100-continue'));
      expect(answers.map(({ status }) => status)).toEqual([100, 200]);
    });

    it.each([
      [401, 'no credential', ['Content-Type: application/json', 'Content-Length: 10']],
      [415, 'another type', ['Content-Type: text/plain', 'Content-Length: 10']],
      [413, 'too long a body', ['Content-Type: application/json', 'Content-Length: 99999']],
    ])('a client that waits for 100 Continue gets %d at once: %s', async (status, what, head) => {
      const own = what === 'no credential' ? [] : [authorization];
      const answer = await send(rawRequest(POST, [...own, 'Expect: 100-continue', ...head]));
      expect(answer.status).toBe(status);
    });

    it.each(['x'.repeat(10_000), 'a b', '"', 'é'])(
      'an X-Request-Id that would spoil a log line is replaced',
      async (id) => {
        const answer = await send(rawRequest(HEALTH, [`X-Request-Id: ${id}`]));
        expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
      },
    );

    it('an X-Request-Id with a line break becomes a header of its own, of the client', async () => {
      const answer = await send(rawRequest(HEALTH, ['X-Request-Id: a\r\nX-Evil: b']));
      expect(answer.headers).toMatchObject({ 'x-request-id': 'a' });
      expect(answer.headers).not.toHaveProperty('x-evil');
    });
  });

  it('50 requests in one go get one answer, that to the first, and the end', async () => {
    const requests = Array.from({ length: 50 }, (_, n) => keptAlive(post(`X-Request-Id: id-${n}`)));
    const answer = await send(requests.join(''));
    expect(answer).toMatchObject({ status: 200, headers: { connection: 'close' } });
    expect(answer.headers['x-request-id']).toBe('id-0');
  });
});

it.concurrent.each([
  ['headers', `${HEALTH}\r\nHost: test\r\nX-Slow: `],
  ...BODIES.map(([path]) => [
    `a body for ${path}`,
    keptAlive(rawRequest(`POST ${path} HTTP/1.1`, ['Content-Length: 1000'])),
  ]),
] as [string, string][])(
  '%s that trickle in are 408 within 11 seconds, and the end',
  async (what, start) => {
    const credential = `Authorization: Bearer ${await signFreshJwt()}`;
    const type = 'Content-Type: application/json';
    const bytes =
      what !== 'headers' ? start.replace('Host', `${credential}\r\n${type}\r\nHost`) : start;
    const began = performance.now();
    const answers = await converse(service.port, bytes, (socket) => {
      const trickle = setInterval(() => socket.write('a'), 250);
      socket.once('close', () => clearInterval(trickle));
    });
    expect(performance.now() - began).toBeLessThan(11_500);
    expect(answers).toHaveLength(1);
    expectProblem(answers[0] as (typeof answers)[0], 408, 'request_timeout', 'fix_request');
  },
);

it('2,000 sockets that say nothing keep no probe waiting', async () => {
  const sockets = Array.from({ length: socketsAllowed(2_000) }, () => {
    const socket = connect(service.port, '127.0.0.1');
    socket.on('error', () => {});
    return socket;
  });
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const times: number[] = [];
  for (let n = 0; n < 10; n++) {
    const began = performance.now();
    expect((await send(rawRequest(HEALTH))).status).toBe(200);
    times.push(performance.now() - began);
  }
  for (const socket of sockets) socket.destroy();
  expect(times.sort((a, b) => a - b)[5]).toBeLessThan(100);
});

/** As many as wanted, or as this machine lets a process open beside its other files. */
function socketsAllowed(wanted: number): number {
  const report = process.report.getReport() as {
    userLimits?: { open_files?: { soft: number | 'unlimited' } };
  };
  const limit = report.userLimits?.open_files?.soft;
  return typeof limit === 'number' ? Math.min(wanted, Math.floor(limit / 2)) : wanted;
}

function alive(pid: number): boolean {
  return process.kill(pid, 0);
}
