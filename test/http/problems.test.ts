import supertest from 'supertest';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/errors.ts';
import { PROBLEM_TYPES } from '../../src/http/problems/table.ts';
import { openApp } from '../support/app.ts';
import { ask, BODY } from '../support/ask.ts';
import { signJwt } from '../support/jwt.ts';
import { expectProblem } from '../support/problem.ts';

/** The table of the contract; clients branch on it, so it may only grow. */
const CONTRACT = {
  invalid_request: [400, 'fix_request'],
  credential_missing: [401, 'sign_in'],
  credential_invalid: [401, 'sign_in'],
  credential_expired: [401, 'sign_in'],
  subject_mismatch: [403, 'fix_request'],
  user_not_allowed: [403, 'contact_support'],
  room_not_allowed: [403, 'leave_room'],
  video_not_allowed: [403, 'choose_another_video'],
  video_not_started: [403, 'wait'],
  video_ended: [403, 'choose_another_video'],
  region_not_allowed: [403, 'choose_another_video'],
  publish_not_allowed: [403, 'enter_as_audience'],
  not_found: [404, 'fix_request'],
  method_not_allowed: [405, 'fix_request'],
  request_timeout: [408, 'fix_request'],
  body_too_large: [413, 'fix_request'],
  unsupported_media_type: [415, 'fix_request'],
  headers_too_large: [431, 'fix_request'],
  rate_limited: [429, 'retry'],
  internal_error: [500, 'retry'],
  dependency_unavailable: [503, 'retry'],
  key_unknown: [503, 'retry'],
  overloaded: [503, 'retry'],
};

it('every code has the status and the action of the contract, and there are no others', () => {
  const actual = ERROR_CODES.map((code) => {
    const { status, action } = PROBLEM_TYPES[code];
    return [code, [status, action]];
  });
  expect(Object.fromEntries(actual)).toEqual(CONTRACT);
});

describe('an address', () => {
  it.each(['/', '/nope', '/video-token/', '/Video-Token', '//', '/..', '/%2fvideo-token'])(
    'that nobody knows, %s, is 404',
    async (path) => {
      const { origin } = await openApp();
      const answer = await supertest(origin).get(path);
      expectProblem(answer, 404, 'not_found', 'fix_request');
    },
  );

  it('that cannot be decoded is 400', async () => {
    const { origin } = await openApp();
    const answer = await supertest(origin).get('/%zz');
    const { errors } = expectProblem(answer, 400, 'invalid_request', 'fix_request');
    expect(errors).toHaveLength(1);
  });

  it.each(['{', '{"__proto__":1}', 'x'.repeat(20_000)])(
    'that nobody knows is 404 whatever the body is',
    async (body) => {
      const { origin } = await openApp();
      for (const type of ['application/json', 'text/plain', 'multipart/form-data']) {
        const answer = await supertest(origin).post('/nope').set('content-type', type).send(body);
        expectProblem(answer, 404, 'not_found', 'fix_request');
      }
    },
  );
});

describe('a method', () => {
  it.each(['get', 'head', 'put', 'patch', 'delete', 'options', 'trace', 'propfind'] as const)(
    '%s of /video-token is 405 and Allow names POST',
    async (method) => {
      const { origin } = await openApp();
      const answer = await supertest(origin)[method]('/video-token?x=1');
      expect(answer.status).toBe(405);
      expect(answer.headers.allow).toBe('POST');
      if (method !== 'head') expectProblem(answer, 405, 'method_not_allowed', 'fix_request');
    },
  );

  it.each(['/healthz', '/readyz'])('POST of %s is 405 and Allow names GET', async (path) => {
    const { origin } = await openApp();
    const answer = await supertest(origin).post(path).send('x');
    expectProblem(answer, 405, 'method_not_allowed', 'fix_request');
    expect(answer.headers.allow).toBe('GET, HEAD');
  });
});

describe('a media type', () => {
  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/vnd.api+json',
    'application/jsonp',
    'application/json; charset=utf-16',
    'application/json; charset=utf-8; q=1',
    'application/json x',
    'application/json\ta',
    'application/json,text/plain',
    'application/json; profile=x',
  ])('%j is 415', async (type) => {
    const answer = await ask(await openApp(), {
      headers: { 'content-type': type },
      body: JSON.stringify(BODY),
    });
    expectProblem(answer, 415, 'unsupported_media_type', 'fix_request');
  });

  it('of nothing at all is 415', async () => {
    const { origin } = await openApp();
    const headers = { authorization: `Bearer ${await signJwt()}` };
    const body = Buffer.from(JSON.stringify(BODY));
    const answer = await fetch(`${origin}/video-token`, { method: 'POST', headers, body });
    expect(answer.status).toBe(415);
  });

  it.each(['gzip', 'identity', 'br, gzip'])('with Content-Encoding %s is 415', async (encoding) => {
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding };
    const answer = await ask(await openApp(), { headers, body: JSON.stringify(BODY) });
    expectProblem(answer, 415, 'unsupported_media_type', 'fix_request');
  });

  it.each([
    'application/json',
    'Application/JSON;Charset=UTF-8',
    'application/json; charset="utf-8"',
  ])('%s is taken', async (type) => {
    const headers = { 'content-type': type };
    const answer = await ask(await openApp(), { headers, body: JSON.stringify(BODY) });
    expect(answer.status).toBe(200);
  });
});

describe('a size', () => {
  it('of 16 kB of body is read, and of one byte more is 413', async () => {
    const app = await openApp();
    const padded = (bytes: number) => JSON.stringify(BODY).padEnd(bytes, ' ');
    const headers = { 'content-type': 'application/json' };
    expect((await ask(app, { headers, body: padded(16_384) })).status).toBe(200);
    const answer = await ask(app, { headers, body: padded(16_385) });
    expectProblem(answer, 413, 'body_too_large', 'fix_request');
  });

  it('of more than 100 headers is 431', async () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`x-${n}`, 'y']));
    const answer = await ask(await openApp(), { headers: many });
    expectProblem(answer, 431, 'headers_too_large', 'fix_request');
  });
});

it('an X-Request-Id that would spoil a log line is replaced', async () => {
  const app = await openApp();
  for (const given of ['a b', 'é'.normalize('NFC'), 'x'.repeat(65), '{"a":1}', '../../etc']) {
    const { headers } = await ask(app, { headers: { 'x-request-id': given } });
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  }
});
