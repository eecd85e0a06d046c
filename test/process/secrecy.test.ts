import { beforeAll, expect, it } from 'vitest';
import { SERVER_SECRET } from '../support/app.ts';
import { BODY } from '../support/ask.ts';
import { JWT_SECRET, signFreshJwt } from '../support/jwt.ts';
import { converse, rawRequest } from '../support/raw-http.ts';
import { type Service, startService } from '../support/service.ts';
import { writings } from '../support/writings.ts';

const PREVIOUS_SECRET = 'canary-previous-secret-012345678';
const ADMIN_KEY = 'canary-admin-key-7c1f4e0b9a8d2365';
const POST = 'POST /video-token HTTP/1.1';
const JSON_TYPE = 'Content-Type: application/json';

const TITLE = 'the title of a film';

let canaries: Record<string, string>;
/** Everything that the service wrote, anywhere, but for the answers that are tokens. */
let written: Record<'stdout' | 'stderr' | 'bodies' | 'metrics', string>;
let decisions: Record<string, unknown>[];
let posts: number;

beforeAll(async () => {
  const service = await startService({
    LOG_LEVEL: 'trace',
    ADMIN_API_KEY: ADMIN_KEY,
    ZEGO_SERVER_SECRET_PREVIOUS: PREVIOUS_SECRET,
    CORS_ORIGINS: 'https://app.example',
  });
  try {
    const jwt = await signFreshJwt();
    const forged = await signFreshJwt({}, 'another secret of more than 32 bytes');
    const publicAnswers = await attack(service, jwt, forged);
    const tokens = publicAnswers.flatMap(({ body }) => (body as { token?: string }).token ?? []);
    expect(tokens).toHaveLength(3);
    await changeDirectory(service);
    const internalAnswers = await useInternal(service, jwt);
    const metrics = await (await fetch(`${service.internal}/metrics`)).text();
    service.kill('SIGHUP');
    await service.line(({ msg }) => /reload/i.test(String(msg)));
    service.kill('SIGTERM');
    await service.exited;
    const refusals = publicAnswers.filter(({ status }) => status !== 200);
    const bodies = JSON.stringify([refusals, internalAnswers]);
    written = { stdout: service.stdout(), stderr: service.stderr(), bodies, metrics };
    canaries = {
      'the ServerSecret': SERVER_SECRET,
      'the previous ServerSecret': PREVIOUS_SECRET,
      'the JWT secret': JWT_SECRET,
      'the admin key': ADMIN_KEY,
      'a JWT': jwt,
      'the signature of a JWT': jwt.split('.')[2] ?? '',
      'the signature of a forged JWT': forged.split('.')[2] ?? '',
      ...Object.fromEntries(tokens.map((token, n) => [`issued token ${n}`, token])),
    };
    decisions = service.decisions();
  } finally {
    await service.stop();
  }
});

/** Good requests and many bad ones, each with a credential somewhere. */
async function attack({ port }: Service, jwt: string, forged: string) {
  const bearer = `Authorization: Bearer ${jwt}`;
  const json = (body: string, ...headers: string[]) =>
    rawRequest(POST, [JSON_TYPE, `Content-Length: ${body.length}`, ...headers], body);
  const good = JSON.stringify(BODY);
  const decided = [
    json(good, bearer),
    json(good),
    json(good, bearer, bearer),
    json(good, `Authorization: Bearer ${forged}`),
    json(good, `Authorization: Bearer ${jwt}x`),
    json(good, `Authorization: Basic ${jwt}`),
    json(good, `Authorization: ${jwt}`),
    json(good, `Authorization: Bearer ${jwt} ${jwt}`),
    json(good, bearer, `X-Request-Id: ${jwt}`),
    json(`{"roomId":"${'x'.repeat(200)}"}`, bearer),
    json('{', bearer),
    json(JSON.stringify({ ...BODY, roomId: 'room_foreign' }), bearer),
    json(good, bearer).replace('application/json', 'text/plain'),
    json(good, bearer).replace('/video-token', `/video-token?access_token=${jwt}`),
  ];
  const others = [
    rawRequest(`GET /video-token?token=${jwt} HTTP/1.1`, [bearer]),
    rawRequest(`GET /${jwt} HTTP/1.1`, [bearer]),
    rawRequest(`GET /%zz?${jwt} HTTP/1.1`, [bearer]),
    rawRequest(POST, [bearer, 'Content-Length: 5', 'Transfer-Encoding: chunked']),
    rawRequest(POST, [bearer, `X-A: a\0${jwt}`]),
    rawRequest('OPTIONS /video-token HTTP/1.1', [bearer, 'Origin: https://app.example']),
    `CONNECT ${jwt.slice(0, 200)}:443 HTTP/1.1\r\n${bearer}\r\n\r\n`,
    `${jwt}\r\n\r\n`,
  ];
  posts = decided.length;
  const answers = [];
  for (const bytes of [...decided, ...others]) answers.push(...(await converse(port, bytes)));
  return answers;
}

async function changeDirectory({ internal }: Service) {
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ title: TITLE });
  await fetch(`${internal}/directory/videos/new`, { method: 'PUT', headers, body });
  const member = `${internal}/directory/rooms/room/members/alice`;
  await fetch(member, { method: 'DELETE', headers: { authorization: headers.authorization } });
}

async function useInternal({ internal }: Service, jwt: string) {
  const paths = ['/directory/users/alice', '/directory/export', '/directory/users/%zz', '/nope'];
  const keys = [ADMIN_KEY, `${ADMIN_KEY}x`, jwt];
  const requests = paths.flatMap((path) =>
    keys.map(async (key) => {
      const headers = { authorization: `Bearer ${key}` };
      const response = await fetch(internal + path, { headers });
      return { status: response.status, text: await response.text() };
    }),
  );
  return Promise.all(requests);
}

it.each(['stdout', 'stderr', 'bodies', 'metrics'] as const)(
  'no secret, credential or token is in %s, in any writing',
  (where) => {
    const found = Object.entries(canaries).flatMap(([name, canary]) =>
      writings(canary)
        .filter((writing) => written[where].includes(writing))
        .map((writing) => ({ name, writing })),
    );
    expect(found).toEqual([]);
  },
);

it('the canaries are long enough to be found, and the search would find them', () => {
  for (const canary of Object.values(canaries)) expect(canary.length).toBeGreaterThan(30);
  const inside = Buffer.from(`{"key":"${SERVER_SECRET}"}`);
  for (const text of [inside.toString('hex'), inside.toString('base64'), inside.toString()]) {
    expect(writings(SERVER_SECRET).some((writing) => text.includes(writing))).toBe(true);
  }
});

it('no body shows where in our code something happened', () => {
  expect(written.bodies).not.toMatch(/\bat [^"]*(\.ts|\.js|node:)|node_modules|\/src\//);
});

it('each change of the directory is a line with who made it and ids, and nothing else of it', () => {
  const lines = written.stdout.trim().split('\n');
  const changes = lines
    .map((line) => JSON.parse(line))
    .filter(({ msg }) => msg === 'directory changed')
    .map(({ time: _time, ...change }) => change);
  const change = {
    level: 'info',
    msg: 'directory changed',
    event: 'directory_change',
    actor: 'admin',
    requestId: expect.any(String),
  };
  expect(changes).toEqual([
    { ...change, operation: 'put', kind: 'video', id: 'new' },
    { ...change, operation: 'delete', kind: 'member', roomId: 'room', id: 'alice' },
  ]);
  expect(written.stdout).not.toContain(TITLE);
});

it('each POST of a token is one line of the log, and nothing else is', () => {
  expect(decisions).toHaveLength(posts);
  expect(decisions[0]).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    event: 'video_token',
    outcome: 'issued',
    code: 'issued',
    requestId: expect.stringMatching(/^[\w-]+$/),
    userId: 'alice',
    roomId: 'room',
    videoId: 'film',
    expireAt: expect.any(Number),
    ip: '127.0.0.1',
    durationMs: expect.any(Number),
  });
  const issued = decisions.filter(({ outcome }) => outcome === 'issued');
  const denied = decisions.filter(({ outcome }) => outcome === 'denied');
  expect([issued.length, denied.length]).toEqual([3, posts - 3]);
});
