import supertest from 'supertest';
import { describe, expect, it } from 'vitest';
import { ServiceError } from '../../src/errors.ts';
import { decode } from '../../src/token04/index.ts';
import { APP_ID, openApp, SERVER_SECRET } from '../support/app.ts';
import { ask, BODY } from '../support/ask.ts';
import { NOW } from '../support/clock.ts';
import { signJwt } from '../support/jwt.ts';
import { expectProblem } from '../support/problem.ts';

describe('a user who may watch', () => {
  it('gets a token that ZEGO can read, and its expiry', async () => {
    const answer = await ask(await openApp());

    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.headers['x-request-id']).toMatch(/^[\w-]{36}$/);
    expect(Object.keys(answer.body)).toEqual(['token', 'expireAt']);
    const { mode, claims } = decode(answer.body.token, { secrets: [SERVER_SECRET] });
    expect(mode).toBe('cbc');
    expect(claims).toMatchObject({
      appId: APP_ID,
      userId: 'alice',
      payload: '{"room_id":"room","video_id":"film"}',
      createdAt: NOW,
      expireAt: answer.body.expireAt,
    });
  });

  it('gets another token each time', async () => {
    const app = await openApp();
    const tokens = await Promise.all([ask(app), ask(app), ask(app)]);
    expect(new Set(tokens.map(({ body }) => body.token)).size).toBe(3);
  });

  it('may name herself in the body, and send fields that we do not know', async () => {
    const body = { ...BODY, userId: 'alice', expireAt: NOW + 9_999_999, ttl: 9_999_999 };
    const answer = await ask(await openApp(), { body });
    expect(answer.body.expireAt).toBe(NOW + 3600);
  });

  it('sees her own harmless X-Request-Id again', async () => {
    const answer = await ask(await openApp(), { headers: { 'x-request-id': 'my-id_1' } });
    expect(answer.headers['x-request-id']).toBe('my-id_1');
  });
});

describe('a token lives', () => {
  const expiry = async (
    options: { credential?: string; videoId?: string },
    outlivesSession = false,
  ) => {
    const { credential, videoId = 'film' } = options;
    const app = await openApp({ videoToken: { outlivesSession } });
    const asked = { body: { ...BODY, videoId }, ...(credential && { credential }) };
    const { status, body, headers } = await ask(app, asked);
    if (status === 200) {
      const { claims } = decode(body.token, { secrets: [SERVER_SECRET] });
      expect(claims.expireAt).toBe(body.expireAt);
      return body.expireAt - NOW;
    }
    return expectProblem({ status, body, headers }, status, body.code).code;
  };

  it('as long as the service is told to, when nothing ends before', async () => {
    expect(await expiry({})).toBe(3600);
  });

  it('no longer than the licence window', async () => {
    expect(await expiry({ videoId: 'film_ends_in_600' })).toBe(600);
  });

  it('no longer than the session', async () => {
    const credential = await signJwt({ exp: NOW + 300 });
    expect(await expiry({ credential, videoId: 'film_ends_in_600' })).toBe(300);
  });

  it('longer than the session where TOKEN_OUTLIVES_SESSION says so', async () => {
    const credential = await signJwt({ exp: NOW + 5 });
    expect(await expiry({ credential }, true)).toBe(3600);
    expect(await expiry({ credential, videoId: 'film_ends_in_600' }, true)).toBe(600);
  });

  it('not at all with under 10 seconds left of the session', async () => {
    expect(await expiry({ credential: await signJwt({ exp: NOW + 9 }) })).toBe(
      'credential_expired',
    );
    expect(await expiry({ credential: await signJwt({ exp: NOW + 10 }) })).toBe(10);
  });

  it('not at all with under 10 seconds left of the licence window', async () => {
    expect(await expiry({ videoId: 'film_ends_in_9' })).toBe('video_ended');
    expect(await expiry({ videoId: 'film_ends_in_10' })).toBe(10);
  });
});

describe('a credential', () => {
  it('that is missing is 401 credential_missing, with the bare challenge', async () => {
    const answer = await ask(await openApp(), { credential: null });
    expectProblem(answer, 401, 'credential_missing', 'sign_in');
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });

  it('that does not verify is 401 credential_invalid', async () => {
    const credential = await signJwt({}, 'another secret of more than 32 bytes');
    const answer = await ask(await openApp(), { credential });
    expectProblem(answer, 401, 'credential_invalid', 'sign_in');
    expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
  });

  it.each(['Basic YWxpY2U6cHc=', 'Bearer', 'Bearer ', 'Bearer a b', 'Bearer a, Bearer b', ''])(
    'of the form "%s" is 401 credential_invalid',
    async (authorization) => {
      const app = await openApp();
      const answer = await supertest(app.origin)
        .post('/video-token')
        .set({ authorization })
        .send(BODY);
      expectProblem(answer, 401, 'credential_invalid', 'sign_in');
    },
  );

  it('that has expired is 401 credential_expired', async () => {
    const answer = await ask(await openApp(), { credential: await signJwt({ exp: NOW }) });
    expectProblem(answer, 401, 'credential_expired', 'sign_in');
    expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
  });

  it('in the query string is ignored', async () => {
    const app = await openApp();
    const jwt = await signJwt();
    const answer = await supertest(app.origin).post(`/video-token?access_token=${jwt}`).send(BODY);
    expectProblem(answer, 401, 'credential_missing', 'sign_in');
    expect(app.log.join('')).not.toContain(jwt);
  });
});

describe('a refusal', () => {
  it.each([
    ['another user in the body', { userId: 'bob' }, 'alice', 'subject_mismatch', 'fix_request'],
    ['an unknown user', {}, 'nobody', 'user_not_allowed', 'contact_support'],
    ['a suspended user', {}, 'sam', 'user_not_allowed', 'contact_support'],
    ['an unknown room', { roomId: 'none' }, 'alice', 'room_not_allowed', 'leave_room'],
    ['a closed room', { roomId: 'room_closed' }, 'alice', 'room_not_allowed', 'leave_room'],
    ['a foreign room', { roomId: 'room_foreign' }, 'alice', 'room_not_allowed', 'leave_room'],
    ['an unknown video', { videoId: 'none' }, 'alice', 'video_not_allowed', 'choose_another_video'],
    [
      'a withdrawn video',
      { videoId: 'withdrawn' },
      'alice',
      'video_not_allowed',
      'choose_another_video',
    ],
    [
      'a video of another room',
      { videoId: 'elsewhere' },
      'alice',
      'video_not_allowed',
      'choose_another_video',
    ],
    ['a video before its window', { videoId: 'film_later' }, 'alice', 'video_not_started', 'wait'],
    [
      'a video after its window',
      { videoId: 'film_over' },
      'alice',
      'video_ended',
      'choose_another_video',
    ],
    [
      'a video of other countries',
      { videoId: 'film_sg' },
      'alice',
      'region_not_allowed',
      'choose_another_video',
    ],
  ])('of %s is 403 %o %s %s %s', async (_what, change, sub, code, action) => {
    const credential = await signJwt({ sub });
    const answer = await ask(await openApp(), { credential, body: { ...BODY, ...change } });
    const problem = expectProblem(answer, 403, code, action);
    expect(problem.availableFrom).toBe(code === 'video_not_started' ? 4_102_444_800 : undefined);
  });

  it('never tells an unknown room from a closed one or one of others', async () => {
    const app = await openApp();
    const rooms = ['none', 'room_closed', 'room_foreign'];
    const bodies = rooms.map((roomId) => ({ ...BODY, roomId }));
    const answers = await Promise.all(bodies.map((body) => ask(app, { body })));
    expect(new Set(answers.map(withoutRequestId)).size).toBe(1);
  });

  it('never tells an unknown user from a suspended one', async () => {
    const app = await openApp();
    const credentials = await Promise.all([signJwt({ sub: 'nobody' }), signJwt({ sub: 'sam' })]);
    const answers = await Promise.all(credentials.map((credential) => ask(app, { credential })));
    expect(new Set(answers.map(withoutRequestId)).size).toBe(1);
  });
});

describe('a body', () => {
  const broken: [string, unknown, string][] = [
    ['no roomId', { videoId: 'film' }, '/roomId'],
    ['no videoId', { roomId: 'room' }, '/videoId'],
    ['an empty roomId', { ...BODY, roomId: '' }, '/roomId'],
    ['a number for roomId', { ...BODY, roomId: 123 }, '/roomId'],
    ['a list for roomId', { ...BODY, roomId: ['room'] }, '/roomId'],
    ['true for videoId', { ...BODY, videoId: true }, '/videoId'],
    ['null for userId', { ...BODY, userId: null }, '/userId'],
    ['an empty userId', { ...BODY, userId: '' }, '/userId'],
    ['a control character', { ...BODY, roomId: 'ro\u0000om' }, '/roomId'],
    ['129 bytes of roomId', { ...BODY, roomId: 'r'.repeat(129) }, '/roomId'],
    ['a list', [BODY], ''],
    ['a string', '"room"', ''],
    ['null', 'null', ''],
  ];
  it.each(broken)('with %s is 400 and says where', async (_what, body, path) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await ask(await openApp(), { body, headers });
    const { errors } = expectProblem(answer, 400, 'invalid_request', 'fix_request');
    expect(errors).toContainEqual({ path, message: expect.stringMatching(/\w/) });
    expect(new Set((errors as { path: string }[]).map((error) => error.path)).size).toBe(1);
  });

  it('names every rule that it breaks', async () => {
    const answer = await ask(await openApp(), { body: {} });
    const { errors } = expectProblem(answer, 400, 'invalid_request', 'fix_request');
    const paths = (errors as { path: string }[]).map(({ path }) => path);
    expect(paths).toEqual(['/roomId', '/videoId']);
  });
});

describe('the checks come in an order', () => {
  it('nobody reads the body of a client without a credential', async () => {
    const app = await openApp();
    for (const body of ['{', 'null', '{}', 'x'.repeat(100_000)]) {
      const headers = { 'content-type': 'application/json' };
      const answer = await ask(app, { credential: null, body, headers });
      expectProblem(answer, 401, 'credential_missing', 'sign_in');
    }
  });

  it('nobody looks at the media type of a client without a credential', async () => {
    const headers = { 'content-type': 'text/plain' };
    const answer = await ask(await openApp(), { credential: 'a.b.c', headers, body: 'x' });
    expectProblem(answer, 401, 'credential_invalid', 'sign_in');
  });

  it('the body comes before access: a suspended user with a bad body is 400', async () => {
    const credential = await signJwt({ sub: 'sam' });
    const answer = await ask(await openApp(), { credential, body: { roomId: 1 } });
    expectProblem(answer, 400, 'invalid_request', 'fix_request');
  });

  it('nothing is asked of the directory for another user than the credential says', async () => {
    const asked: string[] = [];
    const check = async ({ userId }: { userId: string }) => {
      asked.push(userId);
      return { allow: true } as const;
    };
    const app = await openApp({ videoToken: { check } });
    await ask(app, { body: { ...BODY, userId: 'bob' } });
    expect(asked).toEqual([]);
  });
});

describe('when a part fails', () => {
  const secretish = new Error('connect ECONNREFUSED postgres://admin:pa55word@10.0.0.7/access');

  it('a directory without an answer is 503 with Retry-After, and never a token', async () => {
    const check = async () => {
      throw new ServiceError('dependency_unavailable', { cause: secretish });
    };
    const app = await openApp({ videoToken: { check } });
    const answer = await ask(app);
    expectProblem(answer, 503, 'dependency_unavailable', 'retry');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(JSON.stringify(answer.body)).not.toMatch(/token04|pa55word|ECONNREFUSED|04AAAA/);
    expect(app.decisions).toMatchObject([{ outcome: 'failed', code: 'dependency_unavailable' }]);
    expect(app.log.join('')).not.toContain('pa55word');
  });

  it('keys that cannot be had are 503, not 401', async () => {
    const verify = async () => {
      throw new ServiceError('dependency_unavailable');
    };
    const answer = await ask(await openApp({ videoToken: { verify } }));
    expectProblem(answer, 503, 'dependency_unavailable', 'retry');
  });

  it('overload is 503 overloaded', async () => {
    const answer = await ask(await openApp({ overloaded: () => true }));
    expectProblem(answer, 503, 'overloaded', 'retry');
  });

  it.each(['verify', 'check', 'generate', 'countryOf', 'now'] as const)(
    'an error in %s is 500 and says nothing of the inside',
    async (part) => {
      const fail = () => {
        throw secretish;
      };
      const app = await openApp({ videoToken: { [part]: fail } });
      const answer = await ask(app);
      const { requestId, ...problem } = expectProblem(answer, 500, 'internal_error', 'retry');
      expect(problem).toEqual({
        type: 'urn:zego-video-token:problem:internal_error',
        title: 'Internal error',
        status: 500,
        detail: expect.stringContaining('requestId'),
        code: 'internal_error',
        action: 'retry',
      });
      const [line] = app.log.filter((text) => text.includes('internal error'));
      expect(JSON.parse(line ?? '{}')).toMatchObject({ level: 'error', requestId });
      expect(line).not.toContain('pa55word');
    },
  );

  it.each([
    'a string',
    7,
    { code: 42 },
    { statusCode: 404 },
    { statusCode: 401, message: 'pa55word' },
  ])('what is thrown may be no error at all: %o', async (thrown) => {
    const check = () => Promise.reject(thrown);
    const answer = await ask(await openApp({ videoToken: { check } }));
    expectProblem(answer, 500, 'internal_error', 'retry');
  });
});

function withoutRequestId({
  status,
  headers,
  text,
  body,
}: {
  status: number;
  headers: Record<string, string>;
  text: string;
  body: { requestId: string };
}): string {
  const { 'x-request-id': id = '', date, ...others } = headers;
  expect(date).toBeDefined();
  return JSON.stringify({ status, others, text: text.replace(body.requestId, '').replace(id, '') });
}
