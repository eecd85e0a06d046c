import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BODIES, BODY } from '../support/ask.ts';
import { signFreshJwt } from '../support/jwt.ts';
import { expectProblem } from '../support/problem.ts';
import { converse, rawRequest } from '../support/raw-http.ts';
import { type Service, startService } from '../support/service.ts';

let service: Service;
let authorization: string;

beforeAll(async () => {
  // Here ids are data: what ZEGO accepts of them is tested elsewhere.
  service = await startService({ ZEGO_ID_RULE: 'off', ROOM_TOKENS: 'on', BASIC_TOKENS: 'on' });
  authorization = `Bearer ${await signFreshJwt()}`;
  return service.stop;
});

afterAll(async () => {
  expect((await fetch(`${service.origin}/healthz`)).status).toBe(200);
  const codes = service.decisions().map(({ code }) => code);
  expect(codes).not.toContain('internal_error');
});

async function send(
  body: string | Uint8Array<ArrayBuffer> | object,
  type: string | null = 'application/json',
  more: Record<string, string> = {},
  path = '/video-token',
) {
  const bytes =
    typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  const response = await fetch(`${service.origin}${path}`, {
    method: 'POST',
    headers: { authorization, ...(type !== null && { 'content-type': type }), ...more },
    body: type === null ? Buffer.from(bytes) : bytes,
  });
  const headers = Object.fromEntries(response.headers);
  return { status: response.status, headers, body: await response.json() };
}

/** The body with the fields of a route. */
function ownFields(path: string, body: string | Uint8Array<ArrayBuffer> | object) {
  if (path === '/video-token' || body instanceof Uint8Array) return body;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const own = text.replace(/,?"videoId":"film"/, '');
  return path === '/room-token' ? own : own.replace('"roomId"', '"userId"');
}

describe.each(BODIES)('%s', (path, body) => {
  describe('what is no JSON in UTF-8 by its type is 415', () => {
    it.each([
      null,
      'application/x-www-form-urlencoded',
      'application/problem+json',
      'text/plain',
      'application/json\ta',
      'application/json x',
      'application/json; charset=utf-16',
      'application/json; charset=iso-8859-1',
      'application/json; charset=utf-8; charset=utf-16',
    ])('%j', async (type) => {
      expectProblem(await send(body, type, {}, path), 415, 'unsupported_media_type', 'fix_request');
    });

    it.each(['gzip', 'deflate', 'br', 'identity', 'x'])('compressed by %s', async (encoding) => {
      const answer = await send(body, 'application/json', { 'content-encoding': encoding }, path);
      expectProblem(answer, 415, 'unsupported_media_type', 'fix_request');
    });
  });

  describe('what is not such an object is 400', () => {
    const utf16 = Buffer.from(JSON.stringify(BODY), 'utf16le');
    it.each<[string, string | Uint8Array<ArrayBuffer> | object]>([
      ['nothing', ''],
      ['white space', ' \r\n\t'],
      ['null', 'null'],
      ['a list', '[]'],
      ['a list of ids', '["room","film"]'],
      ['a string', '"room"'],
      ['a number', '1e400'],
      ['half an object', '{"roomId":"room"'],
      ['two objects', '{"roomId":"room"}{"videoId":"film"}'],
      ['a trailing comma', '{"roomId":"room","videoId":"film",}'],
      ['a comment', '{"roomId":"room",/**/"videoId":"film"}'],
      ['single quotes', "{'roomId':'room','videoId':'film'}"],
      ['NaN', '{"roomId":NaN,"videoId":"film"}'],
      ['__proto__', '{"__proto__":{"roomId":"room"},"videoId":"film"}'],
      ['__proto__ in disguise', '{"\\u005f_proto__":{"roomId":"room"},"videoId":"film"}'],
      ['constructor.prototype', '{"constructor":{"prototype":{"roomId":"room"}},"videoId":"film"}'],
      ['__proto__ beside the ids', '{"roomId":"room","videoId":"film","__proto__":{}}'],
      ['the same in disguise', '{"roomId":"room","videoId":"film","\\u005f_proto__":{}}'],
      [
        'constructor.prototype beside the ids',
        '{"roomId":"room","videoId":"film","constructor":{"prototype":{}}}',
      ],
      ['an inherited name', '{"toString":"room","videoId":"film"}'],
      ['a number for an id', { ...BODY, roomId: 123 }],
      ['a list for an id', { ...BODY, roomId: ['room'] }],
      ['true for an id', { ...BODY, videoId: true }],
      ['an object for an id', { ...BODY, videoId: { toString: 'film' } }],
      ['null for the user', { ...BODY, userId: null }],
      ['a lone surrogate', '{"roomId":"room\\ud800","videoId":"film"}'],
      ['a NUL', { ...BODY, roomId: 'room\0' }],
      ['a line break', { ...BODY, roomId: 'room\n' }],
      ['a C1 control character', { ...BODY, videoId: 'film\u0085' }],
      ['DEL', { ...BODY, videoId: 'film\u007f' }],
      ['a raw NUL', '{"roomId":"room\0","videoId":"film"}'],
      ['a byte order mark', '\ufeff{"roomId":"room","videoId":"film"}'],
      ['a byte that is no UTF-8', Buffer.from('{"roomId":"room\xff","videoId":"film"}', 'latin1')],
      ['an overlong slash', Buffer.from('{"roomId":"\xc0\xaf","videoId":"film"}', 'latin1')],
      ['a surrogate in UTF-8', Buffer.from('{"roomId":"\xed\xa0\x80","videoId":"f"}', 'latin1')],
      ['UTF-16', Uint8Array.from(utf16)],
    ])('%s', async (_what, wrong) => {
      const answer = await send(ownFields(path, wrong), 'application/json', {}, path);
      const { errors } = expectProblem(answer, 400, 'invalid_request', 'fix_request');
      expect(errors).not.toHaveLength(0);
    });
  });
});

describe('an id is counted in bytes of UTF-8', () => {
  it.each([
    ['ASCII', 'r'],
    ['é', 'é'],
    ['emoji', '🎬'],
  ])('%s: as many as allowed pass, one more is 400', async (_what, character) => {
    const fill = (bytes: number) => character.repeat(bytes / Buffer.byteLength(character));
    for (const field of ['roomId', 'videoId']) {
      const fits = await send({ ...BODY, [field]: fill(128) });
      expectProblem(fits, 403, field === 'roomId' ? 'room_not_allowed' : 'video_not_allowed');
      expectProblem(await send({ ...BODY, [field]: `${fill(128)}a` }), 400, 'invalid_request');
    }
    const userId = fill(64);
    expectProblem(await send({ ...BODY, userId }), 403, 'subject_mismatch', 'fix_request');
    expectProblem(await send({ ...BODY, userId: `${userId}a` }), 400, 'invalid_request');
  });

  it('the two ways of writing é are two ids', async () => {
    const [composed, decomposed] = ['é'.normalize('NFC'), 'é'.normalize('NFD')];
    const credential = await signFreshJwt({ sub: composed });
    const more = { authorization: `Bearer ${credential}` };
    const other = await send({ ...BODY, userId: decomposed }, 'application/json', more);
    expectProblem(other, 403, 'subject_mismatch');
    const same = await send({ ...BODY, userId: composed }, 'application/json', more);
    expectProblem(same, 403, 'user_not_allowed');
  });
});

describe.each(BODIES)('what is too much for %s', (path, body) => {
  it.each([
    ['8,000 brackets', '['.repeat(8_000) + ']'.repeat(8_000)],
    ['3,000 objects in one another', `${'{"a":'.repeat(2_700)}1${'}'.repeat(2_700)}`],
  ])('%s are answered at once', async (_what, text) => {
    const began = performance.now();
    expectProblem(await send(text, 'application/json', {}, path), 400, 'invalid_request');
    expect(performance.now() - began).toBeLessThan(250);
  });

  it('2,000 unknown fields are answered at once', async () => {
    const fields = Array.from({ length: 2_000 }, (_, n) => [n.toString(36), 0]);
    const began = performance.now();
    const many = { ...Object.fromEntries(fields), ...body };
    const answer = await send(many, 'application/json', {}, path);
    expect(answer.status).toBe(path === '/video-token' ? 200 : 400);
    expect(JSON.stringify(answer.body).length).toBeLessThan(1_000);
    expect(performance.now() - began).toBeLessThan(250);
  });

  it('100,000 keys are more than 16 kB: 413', async () => {
    const keys = Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`k${n}`, 0]));
    expectProblem(
      await send(keys, 'application/json', {}, path),
      413,
      'body_too_large',
      'fix_request',
    );
  });

  const post = (text: string, ...length: string[]) =>
    converse(
      service.port,
      rawRequest(
        `POST ${path} HTTP/1.1`,
        [`Authorization: ${authorization}`, 'Content-Type: application/json', ...length],
        text,
      ),
    );

  it('a Content-Length of more than 16 kB is 413 before a byte of the body is here', async () => {
    const [answer, ...more] = await post('', 'Content-Length: 999999999');
    expect(more).toEqual([]);
    expectProblem(answer as NonNullable<typeof answer>, 413, 'body_too_large', 'fix_request');
  });

  it('more than 16 kB in chunks, with no length at all, is 413', async () => {
    const chunk = `1000\r\n${'a'.repeat(4096)}\r\n`;
    const [answer] = await post(`${chunk.repeat(5)}0\r\n\r\n`, 'Transfer-Encoding: chunked');
    expectProblem(answer as NonNullable<typeof answer>, 413, 'body_too_large', 'fix_request');
  });

  it.each([17_000, 30_000, 60_000])(
    '%d bytes in chunks of a client that ends its side are 413',
    async (length) => {
      const head = [`Authorization: ${authorization}`, 'Content-Type: application/json'];
      const text = JSON.stringify(body).padEnd(length);
      const chunks = `${length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
      const bytes = rawRequest(
        `POST ${path} HTTP/1.1`,
        [...head, 'Transfer-Encoding: chunked'],
        chunks,
      );
      const [answer] = await converse(service.port, bytes, (socket) => socket.end());
      expectProblem(answer as NonNullable<typeof answer>, 413, 'body_too_large', 'fix_request');
    },
  );

  it('a Content-Length that is too small cuts the body, and the rest is no request', async () => {
    const [answer] = await post(JSON.stringify(BODY), 'Content-Length: 5');
    expectProblem(answer as NonNullable<typeof answer>, 400, 'invalid_request', 'fix_request');
  });
});

it.each(["' OR '1'='1", "room'; DROP TABLE users; --", 'room%', '_oom', 'room" --', '$1', '?1'])(
  'the room %j is data to the database',
  async (roomId) => {
    expectProblem(await send({ ...BODY, roomId }), 403, 'room_not_allowed', 'leave_room');
    const login = await send({ roomId }, 'application/json', {}, '/room-token');
    expectProblem(login, 403, 'room_not_allowed', 'leave_room');
    expect((await send(BODY)).status).toBe(200);
  },
);
