import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import supertest from 'supertest';
import { describe, expect, it } from 'vitest';
import { createSessions } from '../../src/admin/sessions.ts';
import { adminKey } from '../../src/config/admin-keys.ts';
import { adminOptions, openInternal } from '../support/admin.ts';
import { NOW } from '../support/clock.ts';

const HOURS_8 = 8 * 3_600;
const READ = randomBytes(32).toString('base64url');
const WRITE = randomBytes(32).toString('base64url');
const SUPPORT = adminKey('support', READ, 'read');
const CONTENT = adminKey('content', WRITE, 'write');

const state = { keys: [SUPPORT, CONTENT], now: NOW, secret: 'x'.repeat(32) };

async function open() {
  const listener = await openInternal(
    adminOptions(() => state.keys, {
      hosts: ['console.example'],
      trustProxy: ['127.0.0.0/8'],
      now: () => state.now,
      secret: () => state.secret,
    }),
  );
  Object.assign(state, { keys: [SUPPORT, CONTENT], now: NOW, secret: 'x'.repeat(32) });
  const signIn = (key: string, headers: Record<string, string> = {}) =>
    supertest(listener.origin)
      .post('/session')
      .set({ authorization: `Bearer ${key}`, ...headers });
  return { ...listener, signIn };
}

/** The name and value of the cookie that an answer sets. */
function cookieOf({ headers }: { headers: Record<string, unknown> }): string {
  const [cookie = ''] = headers['set-cookie'] as string[];
  return cookie.split(';', 1)[0] ?? '';
}

const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' };

describe('a session', () => {
  it('stands for its key: a change has its name', async () => {
    const { origin, signIn, port } = await open();
    const signedIn = await signIn(WRITE).expect(200);
    expect(signedIn.body).toEqual({
      ...{ name: 'content', role: 'write', directory: true, tokenTtlSeconds: 3_600 },
      expiresAt: NOW + HOURS_8,
    });
    const cookie = cookieOf(signedIn);
    expect(signedIn.headers['set-cookie']).toEqual([
      `${cookie}; Max-Age=28800; Path=/; HttpOnly; SameSite=Strict`,
    ]);
    expect(cookie).toMatch(new RegExp(`^zvt_session_${port}=`));
    await supertest(origin)
      .put('/directory/users/alice')
      .set({ cookie, ...SAME_ORIGIN })
      .send({})
      .expect(200);
    const { body } = await supertest(origin)
      .get('/directory/changes')
      .set({ cookie })
      .expect(200)
      .expect('cache-control', 'no-store');
    expect(body.changes).toMatchObject([{ actor: 'content', id: 'alice' }]);
    const { body: who } = await supertest(origin).get('/session').set({ cookie }).expect(200);
    expect(who).toEqual(signedIn.body);
  });

  it('of a key that may read changes nothing', async () => {
    const { origin, signIn } = await open();
    const cookie = cookieOf(await signIn(READ).expect(200));
    const { body } = await supertest(origin)
      .put('/directory/users/alice')
      .set({ cookie, ...SAME_ORIGIN })
      .send({})
      .expect(403);
    expect(body.code).toBe('read_only_key');
  });

  it('has its cookie taken back', async () => {
    const { origin, signIn } = await open();
    const cookie = cookieOf(await signIn(READ).expect(200));
    const { headers } = await supertest(origin)
      .delete('/session')
      .set({ cookie, ...SAME_ORIGIN })
      .expect(204);
    expect(headers['set-cookie']).toEqual([
      `${cookie.split('=')[0]}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict`,
    ]);
  });

  it.each<[string, () => void]>([
    ['after 8 h', () => (state.now += HOURS_8)],
    ['when its key is gone', () => state.keys.shift()],
    ['when its name has another key', () => (state.keys = [{ ...CONTENT, name: 'support' }])],
    ['when the ServerSecret is another', () => (state.secret = 'y'.repeat(32))],
  ])('ends %s', async (_name, end) => {
    const { origin, signIn } = await open();
    const cookie = cookieOf(await signIn(READ).expect(200));
    await supertest(origin).get('/session').set({ cookie }).expect(200);
    end();
    const { body } = await supertest(origin).get('/session').set({ cookie }).expect(401);
    expect(body).toMatchObject({ code: 'credential_expired', action: 'sign_in' });
  });

  it('is taken with the role that its key has now', async () => {
    const { origin, signIn } = await open();
    const cookie = cookieOf(await signIn(READ).expect(200));
    state.keys = [{ ...SUPPORT, role: 'write' }];
    const { body } = await supertest(origin).get('/session').set({ cookie }).expect(200);
    expect(body.role).toBe('write');
  });

  it('cannot renew itself', async () => {
    const { origin, signIn } = await open();
    const cookie = cookieOf(await signIn(READ).expect(200));
    const { headers } = await supertest(origin)
      .post('/session')
      .set({ cookie, ...SAME_ORIGIN })
      .expect(401);
    expect(headers['set-cookie']).toBeUndefined();
  });

  it('is of one port: that of another listener on this machine is none', async () => {
    const { origin, signIn, port } = await open();
    const cookie = cookieOf(await signIn(READ).expect(200));
    const other = cookie.replace(String(port), String(port + 1));
    await supertest(origin).get('/session').set({ cookie: other }).expect(401);
    await supertest(origin)
      .get('/session')
      .set({ cookie: `${other}; ${cookie}` })
      .expect(200);
  });

  it('is in no line of the log, and neither is the key', async () => {
    const { origin, signIn, lines } = await open();
    const cookie = cookieOf(await signIn(READ).expect(200));
    await supertest(origin)
      .get('/session')
      .set({ cookie: `${cookie}x` })
      .expect(401);
    await supertest(origin).get('/nothing').set({ cookie }).expect(404);
    const log = lines.join('');
    expect(log).not.toContain(READ);
    expect(log).not.toContain(cookie.split('=')[1]);
  });
});

const KEYS = [SUPPORT, CONTENT];
const sessions = createSessions(() => 'x'.repeat(32));

describe('a value that nobody was given', () => {
  it('is refused: one with any byte changed', () => {
    const { value } = sessions.start(SUPPORT, NOW);
    expect(sessions.find(value, KEYS, NOW)?.key).toBe(SUPPORT);
    const character = fc.constantFrom(...'0123456789ABab-_.;= ');
    const bytes = value.indexOf('.') + 43;
    fc.assert(
      fc.property(fc.nat(value.length - 1), character, (index, other) => {
        // The last character of 43 has two bits more than the 32 bytes.
        fc.pre(value[index] !== other && index !== bytes);
        const changed = value.slice(0, index) + other + value.slice(index + 1);
        expect(sessions.find(changed, KEYS, NOW)).toBeUndefined();
      }),
    );
  });

  it.each([
    ['a session of a key for another name', (value: string) => value.replace('support', 'content')],
    ['a later end', (value: string) => value.replace(/^\d+/, '99999999999')],
    ['an end that is no number', (value: string) => value.replace(/^\d+/, 'NaN')],
    ['no signature', (value: string) => value.replace(/\.[\w-]{43}\./, '..')],
    ['nothing', () => ''],
    ['a longer name', (value: string) => `${value}.x`],
  ])('is refused: %s', (_name, change) => {
    const { value } = sessions.start(SUPPORT, NOW);
    expect(sessions.find(change(value), KEYS, NOW)).toBeUndefined();
  });
});

const HTTPS = { 'x-forwarded-proto': 'https' };

describe('the sign-in', () => {
  it.each<[string, Record<string, string>, number, string | undefined]>([
    ['localhost', {}, 200, undefined],
    ['localhost:9090', {}, 200, undefined],
    ['LOCALHOST:9090', {}, 200, undefined],
    ['127.0.0.1:9090', {}, 200, undefined],
    ['127.8.8.8', {}, 200, undefined],
    ['[::1]:9090', {}, 200, undefined],
    ['console.example', HTTPS, 200, undefined],
    ['Console.Example:8443', HTTPS, 200, undefined],
    ['10.0.0.5:9090', HTTPS, 200, undefined],
    ['[2001:db8::1]', HTTPS, 200, undefined],
    ['console.example', {}, 403, 'https_required'],
    ['10.0.0.5:9090', {}, 403, 'https_required'],
    ['[2001:db8::1]:9090', {}, 403, 'https_required'],
    ['console.example', { 'x-forwarded-proto': 'http' }, 403, 'https_required'],
    ['console.example', { 'x-forwarded-proto': 'https, http' }, 403, 'https_required'],
    ['console.example', { forwarded: 'proto=https' }, 403, 'https_required'],
    ['127.0.0.1.evil.example', {}, 403, 'https_required'],
    ['localhost.evil.example', {}, 403, 'https_required'],
    ['0x7f.1', {}, 403, 'https_required'],
    ['evil.example', HTTPS, 421, 'host_not_allowed'],
    ['console.example.', HTTPS, 421, 'host_not_allowed'],
    ['console.example.evil.example', HTTPS, 421, 'host_not_allowed'],
    ['2130706433', HTTPS, 421, 'host_not_allowed'],
    ['console.example@evil.example', HTTPS, 403, 'https_required'],
    ['a b', HTTPS, 403, 'https_required'],
    ['', HTTPS, 403, 'https_required'],
    ['localhost', { 'sec-fetch-site': 'cross-site' }, 403, 'cross_site'],
    ['localhost', { origin: 'https://evil.example' }, 403, 'cross_site'],
    ['localhost', { origin: 'http://localhost' }, 200, undefined],
  ])('under %j with %j is answered %s', async (host, headers, status, code) => {
    const { signIn } = await open();
    const answer = await signIn(READ, { host, ...headers }).expect(status);
    expect(answer.body.code).toBe(code);
    const cookies = answer.headers['set-cookie'] as string[] | undefined;
    expect(cookies !== undefined).toBe(status === 200);
    if (status === 200) expect(cookies?.[0]?.endsWith('; Secure')).toBe(headers === HTTPS);
  });

  it('believes nobody but a proxy of TRUST_PROXY', async () => {
    const { origin } = await openInternal(
      adminOptions(() => KEYS, { hosts: ['console.example'], trustProxy: ['10.0.0.0/8'] }),
    );
    const { body } = await supertest(origin)
      .post('/session')
      .set({ host: 'console.example', authorization: `Bearer ${READ}`, ...HTTPS })
      .expect(403);
    expect(body.code).toBe('https_required');
  });

  it('with wrong keys ends at the limit of all wrong keys, a right one is taken', async () => {
    const { signIn } = await open();
    const codes: unknown[] = [];
    for (let i = 0; i < 12; i++) codes.push((await signIn(`${READ}${i}`)).body.code);
    expect(codes).toEqual([
      ...Array(10).fill('credential_invalid'),
      ...Array(2).fill('rate_limited'),
    ]);
    await signIn(READ).expect(200);
  });
});

/** What a browser says of a request that a page sent, or that nobody but a page could. */
const SITES: [string, Record<string, string>, boolean][] = [
  ['same-origin', SAME_ORIGIN, true],
  ['same-site', { 'sec-fetch-site': 'same-site' }, false],
  ['cross-site', { 'sec-fetch-site': 'cross-site' }, false],
  ['none', { 'sec-fetch-site': 'none' }, false],
  ['Same-Origin', { 'sec-fetch-site': 'Same-Origin' }, false],
  ['two', { 'sec-fetch-site': 'same-origin, cross-site' }, false],
  ['empty', { 'sec-fetch-site': '' }, false],
  ['neither', {}, false],
  ['our origin', { origin: 'http://localhost:9090' }, true],
  ['our origin by https', { origin: 'https://localhost:9090' }, true],
  ['another port', { origin: 'http://localhost:8080' }, false],
  ['no port', { origin: 'http://localhost' }, false],
  ['another host', { origin: 'http://evil.example:9090' }, false],
  ['our host in a user', { origin: 'http://localhost:9090@evil.example' }, false],
  ['null', { origin: 'null' }, false],
  ['an extension', { origin: 'chrome-extension://localhost:9090' }, false],
  ['no origin', { origin: '' }, false],
  [
    'a foreign site with our origin',
    { 'sec-fetch-site': 'cross-site', origin: 'http://localhost:9090' },
    false,
  ],
];

describe('a request with a cookie', () => {
  it.each(['put', 'patch', 'post', 'delete'] as const)(
    'that is not from our own page changes nothing: %s',
    async (method) => {
      const { origin, signIn } = await open();
      const host = 'localhost:9090';
      const cookie = cookieOf(await signIn(WRITE, { host }).expect(200));
      const path = method === 'post' ? '/directory/import' : '/directory/rooms/room';
      for (const [name, headers, isAllowed] of SITES) {
        const { body } = await supertest(origin)
          [method](path)
          .set({ host, cookie, ...headers });
        expect([name, body.code === 'cross_site']).toEqual([name, !isAllowed]);
      }
    },
  );

  it('may read without saying where it is from', async () => {
    const { origin, signIn } = await open();
    const host = 'localhost:9090';
    const cookie = cookieOf(await signIn(READ, { host }).expect(200));
    await supertest(origin).get('/decisions').set({ host, cookie }).expect(200);
  });

  it.each(['evil.example:9090', 'evil.example', 'a b', 'localhost.:9090', 'xn--localhost'])(
    'under the name %j is refused, and a key is not',
    async (host) => {
      const { origin, signIn } = await open();
      const cookie = cookieOf(await signIn(READ, { host: 'localhost:9090' }).expect(200));
      const { body } = await supertest(origin).get('/session').set({ host, cookie }).expect(421);
      expect(body.code).toBe('host_not_allowed');
      await supertest(origin)
        .get('/session')
        .set({ host, authorization: `Bearer ${READ}` })
        .expect(200);
      for (const path of ['/metrics', '/version']) {
        await supertest(origin).get(path).set({ host, cookie }).expect(200);
      }
    },
  );
});

it('has neither sessions nor decisions without a key at the start', async () => {
  const { origin } = await openInternal(undefined);
  for (const path of ['/session', '/decisions', '/decisions/events', '/directory/changes']) {
    await supertest(origin).get(path).expect(404);
  }
});
