import { describe, expect, it } from 'vitest';
import { type ErrorCode, type ErrorExtras, ServiceError } from '../../src/errors.ts';
import { toProblemResponse, toServiceError } from '../../src/http/problems/response.ts';

function answer(code: ErrorCode, extras?: ErrorExtras) {
  const { headers, body, status } = toProblemResponse(new ServiceError(code, extras), 'id-1');
  return { status, headers, body: JSON.parse(body) };
}

const ALWAYS = {
  'content-type': 'application/problem+json; charset=utf-8',
  'cache-control': 'no-store',
};

describe('a problem', () => {
  it('has these members and headers and no others', () => {
    expect(answer('room_not_allowed')).toEqual({
      status: 403,
      headers: ALWAYS,
      body: {
        type: 'urn:zego-video-token:problem:room_not_allowed',
        title: expect.any(String),
        status: 403,
        detail: expect.any(String),
        code: 'room_not_allowed',
        action: 'leave_room',
        requestId: 'id-1',
      },
    });
  });

  it('says a sentence of its own where there is one', () => {
    expect(answer('invalid_request', { detail: 'So.' }).body.detail).toBe('So.');
  });

  it('lists at most 100 errors, each bounded and without what steers a terminal', () => {
    const errors = Array.from({ length: 5_000 }, (_, n) => ({
      path: `/${n}\u202e`,
      message: `\u001b[2J${'x'.repeat(5_000)}`,
    }));
    const shown = answer('invalid_request', { errors }).body.errors;
    expect(shown).toHaveLength(100);
    expect(shown[99]).toEqual({ path: '/99', message: `[2J${'x'.repeat(996)}` });
  });

  it('of a request always lists errors, if only none', () => {
    const errors = [{ path: 'roomId', message: 'is required' }];
    expect(answer('invalid_request').body.errors).toEqual([]);
    expect(answer('invalid_request', { errors }).body.errors).toEqual(errors);
  });

  it('tells when a licence begins, be it Unix time 0', () => {
    expect(answer('video_not_started', { availableFrom: 0 }).body.availableFrom).toBe(0);
  });

  it('never tells the cause', () => {
    const { body } = answer('internal_error', { cause: 'the inside' });
    expect(JSON.stringify(body)).not.toContain('inside');
  });
});

describe('the headers', () => {
  it.each([
    ['credential_missing', 'Bearer'],
    ['credential_invalid', 'Bearer error="invalid_token"'],
    ['credential_expired', 'Bearer error="invalid_token"'],
  ] as const)('of %s challenge with %s', (code, challenge) => {
    expect(answer(code).headers).toEqual({ ...ALWAYS, 'www-authenticate': challenge });
  });

  it.each(['rate_limited', 'dependency_unavailable', 'overloaded'] as const)(
    'of %s say when to try again',
    (code) => {
      expect(answer(code).headers).toEqual({ ...ALWAYS, 'retry-after': '2' });
      expect(answer(code, { retryAfter: 7 }).headers).toEqual({ ...ALWAYS, 'retry-after': '7' });
    },
  );

  it('of method_not_allowed list the methods', () => {
    const { headers } = answer('method_not_allowed', { allow: ['GET', 'HEAD'] });
    expect(headers).toEqual({ ...ALWAYS, allow: 'GET, HEAD' });
  });
});

/** An error as Fastify throws it. */
const fastifys = (code: string, statusCode: number, message = 'of Fastify') =>
  Object.assign(new Error(message), { code, statusCode });

describe('an error that is thrown', () => {
  it('by us stays what it is', () => {
    const error = new ServiceError('video_ended');
    expect(toServiceError(error)).toBe(error);
  });

  it.each([
    ['FST_ERR_CTP_BODY_TOO_LARGE', 413, 'body_too_large'],
    ['FST_ERR_CTP_INVALID_MEDIA_TYPE', 415, 'unsupported_media_type'],
    ['FST_ERR_NOT_FOUND', 404, 'not_found'],
  ])('by Fastify as %s has its code', (code, status, expected) => {
    expect(toServiceError(fastifys(code, status)).code).toBe(expected);
  });

  it('by Fastify about a body is invalid_request with the words of Fastify', () => {
    const { code, extras } = toServiceError(fastifys('FST_ERR_CTP_EMPTY_JSON_BODY', 400));
    expect([code, extras.errors]).toEqual([
      'invalid_request',
      [{ path: '', message: 'of Fastify' }],
    ]);
  });

  it('by Fastify over an address is not quoted: there may be a credential in it', () => {
    const { code, extras } = toServiceError(fastifys('FST_ERR_BAD_URL', 400, '/%zz?jwt=eyJ'));
    expect([code, extras.errors]).toEqual([
      'invalid_request',
      [{ path: '', message: 'the address cannot be read' }],
    ]);
  });

  it.each([
    ['by Fastify as a failure of ours', fastifys('FST_ERR_SEND', 500)],
    ['by Fastify with a status that is no refusal', fastifys('FST_ERR_ODD', 399)],
    ['by Fastify without a status', Object.assign(new Error('x'), { code: 'FST_ERR_ODD' })],
    ['with the status that another server answered', fastifys('ERR_UPSTREAM', 404)],
    ['with a code that only ends like Fastify’s', fastifys('NO_FST_', 404)],
    ['without a code', Object.assign(new Error('x'), { statusCode: 404 })],
    ['as null', null],
    ['as undefined', undefined],
    ['as a text', 'FST_'],
  ])('%s is an internal error, its cause kept for the log', (_name, error) => {
    const { code, extras } = toServiceError(error);
    expect([code, extras.cause]).toEqual(['internal_error', error]);
  });
});
