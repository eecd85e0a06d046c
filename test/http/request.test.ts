import type { IncomingMessage } from 'node:http';
import fastify from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ServiceError } from '../../src/errors.ts';
import {
  addJsonParser,
  headerRefusal,
  readBearer,
  requestIdOf,
  requireJson,
} from '../../src/http/request.ts';

const thrownBy = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return error;
  }
};

describe('the token of an Authorization header', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER   a-b._~+/c==', 'a-b._~+/c=='],
  ])('is read from %j', (header, token) => {
    expect(readBearer(header)).toBe(token);
  });

  it('is missing without the header', () => {
    expect(thrownBy(() => readBearer(undefined))).toMatchObject({ code: 'credential_missing' });
  });

  it.each(['', 'Bearer', 'Bearer ', 'Bearerabc', 'Basic abc', 'x Bearer abc', 'Bearer abc x'])(
    'is refused in %j, with the reason',
    (header) => {
      const refusal = { code: 'credential_invalid', extras: { reason: { code: 'not_bearer' } } };
      expect(thrownBy(() => readBearer(header))).toMatchObject(refusal);
    },
  );

  it.each(['Bearer a=b', 'Bearer a,b', 'Bearer a"b', 'Bearer =', 'Bearer ä'])(
    'is not what RFC 6750 has no place for: %j',
    (header) => {
      expect(thrownBy(() => readBearer(header))).toMatchObject({ code: 'credential_invalid' });
    },
  );
});

describe('the id of a request', () => {
  const idOf = (given?: unknown) => requestIdOf({ headers: { 'x-request-id': given as string } });

  it.each(['a', 'my-id_1', 'x'.repeat(64)])("is the client's: %s", (given) => {
    expect(idOf(given)).toBe(given);
  });

  it.each([undefined, '', 'x'.repeat(65), 'a b', ' a', 'a ', 'é', 'a\n', ['a'], '{"a":1}'])(
    'is a new one in place of %j',
    (given) => {
      expect(idOf(given)).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    },
  );
});

describe('the headers of a request', () => {
  /** What is said of them: a code, or the message of the broken rule. */
  function refusal(rawHeaders: string[], httpVersion = '1.1', headers = {}) {
    const request = { rawHeaders, httpVersion, headers } as unknown as IncomingMessage;
    const { code, extras } = headerRefusal(request) ?? {};
    return extras?.errors?.[0]?.message ?? code;
  }
  const lines = (count: number) => Array.from({ length: count }, () => ['x-a', 'b']).flat();

  it('are taken with one of each that may come once', () => {
    const all = ['Host', 'a', 'Authorization', 'b', 'Content-Type', 'c', 'X-A', 'd', 'X-A', 'e'];
    expect(refusal(all)).toBeUndefined();
  });

  it.each(['host', 'authorization', 'content-type'])('may have one %s alone', (name) => {
    const twice = ['Host', 'a', name.toUpperCase(), 'b', 'X-A', 'c', name, 'd'];
    expect(refusal(twice)).toBe(`send the header ${name} once`);
  });

  it('are at most 100', () => {
    expect(refusal(['Host', 'a', ...lines(99)])).toBeUndefined();
    expect(refusal(['Host', 'a', ...lines(100)])).toBe('headers_too_large');
  });

  it('have a host, which is optional in HTTP/1.0', () => {
    expect(refusal(['X-A', 'host'])).toBe('send the header host');
    expect(refusal(['X-A', 'host'], '1.0')).toBeUndefined();
  });

  it.each(['0.9', '1.2', '2.0'])('of HTTP/%s are refused', (version) => {
    expect(refusal(['Host', 'a'], version)).toBe('unsupported HTTP version; use HTTP/1.1');
  });

  it('have Transfer-Encoding in HTTP/1.1 alone', () => {
    const chunked = { 'transfer-encoding': 'chunked' };
    expect(refusal(['Host', 'a'], '1.1', chunked)).toBeUndefined();
    const faulty = 'HTTP/1.0 has no Transfer-Encoding; use HTTP/1.1';
    expect(refusal(['Host', 'a'], '1.0', chunked)).toBe(faulty);
  });
});

describe('a body', () => {
  /** A server that answers with the body that it read, or with the refusal. */
  async function open() {
    const app = fastify();
    onTestFinished(() => app.close());
    addJsonParser(app);
    app.setErrorHandler((error, _request, reply) => {
      const { code, extras } = error as ServiceError;
      reply.code(400).send([code, extras?.errors]);
    });
    app.post('/', { preParsing: requireJson }, async ({ body }) => ({ body }));
    app.post('/any-type', async ({ body }) => ({ body }));
    const origin = await app.listen({ host: '127.0.0.1', port: 0 });
    return async (body: string | Uint8Array, headers: Record<string, string> = {}, path = '/') => {
      const all = { 'content-type': 'application/json', ...headers };
      const answer = await fetch(origin + path, {
        method: 'POST',
        headers: all,
        body: body as string,
      });
      return answer.json();
    };
  }

  it('is read as JSON', async () => {
    const send = await open();
    expect(await send('{"a":"é"}')).toEqual({ body: { a: 'é' } });
    for (const type of ['application/json ;\tcharset=UTF-8', 'application/json; charset="utf-8"']) {
      expect(await send('{}', { 'content-type': type })).toEqual({ body: {} });
    }
  });

  it.each<[string, Record<string, string>]>([
    ['compressed', { 'content-encoding': 'identity' }],
    ['of another type', { 'content-type': 'text/json' }],
    ['of a longer type', { 'content-type': 'application/jsonp' }],
    ['of a type that only ends like JSON', { 'content-type': 'x-application/json' }],
    ['in another encoding', { 'content-type': 'application/json; charset=latin1' }],
    ['with more behind its encoding', { 'content-type': 'application/json; charset=utf-8;q=1' }],
    ['with half a parameter', { 'content-type': 'application/json; charset' }],
  ])('that is %s is not read', async (_name, headers) => {
    const send = await open();
    expect(await send('{', headers)).toEqual(['unsupported_media_type', null]);
  });

  it('of another type is not read by a route that takes any', async () => {
    const send = await open();
    const answer = await send('{}', { 'content-type': 'text/plain' }, '/any-type');
    expect(answer).toEqual(['FST_ERR_CTP_INVALID_MEDIA_TYPE', null]);
    expect(await send('{}', {}, '/any-type')).toEqual({ body: {} });
  });

  it('without a type is not read', async () => {
    const app = { headers: {} } as never;
    const refusal = await new Promise((resolve) => {
      requireJson.call(app, app, app, app, resolve as never);
    });
    expect(refusal).toMatchObject({ code: 'unsupported_media_type' });
  });

  it.each([
    ['invalid in UTF-8', Buffer.from('7b2261223a22ff227d', 'hex')],
    ['behind a byte order mark', Buffer.from('\ufeff{}')],
  ])('that is %s is refused in these words', async (_name, body) => {
    const send = await open();
    const message = 'must be UTF-8 without a byte order mark';
    expect(await send(body)).toEqual(['invalid_request', [{ path: '', message }]]);
  });

  it.each(['{"__proto__":1}', '{"constructor":{"prototype":1}}'])(
    'cannot change the prototype: %s',
    async (body) => {
      const send = await open();
      expect(await send(body)).not.toHaveProperty('body');
    },
  );
});
