import type { IncomingMessage, RequestListener } from 'node:http';
import { setImmediate as nextIteration } from 'node:timers/promises';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createIntrospectionVerifier } from '../../src/auth/introspection.ts';
import type { Introspection } from '../../src/config/identity/introspection.ts';
import { checkKeys } from '../../src/operator/doctor.ts';
import { createSecrets } from '../../src/secrets.ts';
import { load } from '../support/environment.ts';
import { rejectionOf } from '../support/errors.ts';
import { openJwksServer } from '../support/jwks-server.ts';
import { jumpingTime } from '../support/monotonic.ts';

const NOW = 1_800_000_000;
const SECRET = 'a:secret/with +signs';
const TOKEN = 'opaque-token-of-alice';
const ALICE = { active: true, sub: 'alice', aud: 'video', client_id: 'web', exp: NOW + 600 };
const UNAVAILABLE = { code: 'dependency_unavailable' };

const says = (answer: unknown): RequestListener => {
  return (_request, response) => response.end(JSON.stringify(answer));
};
const status = (code: number, headers = {}): RequestListener => {
  return (_request, response) => response.writeHead(code, headers).end('{}');
};

function configure(url: string, more: Record<string, string | undefined> = {}) {
  return load({
    AUTH_JWT_SECRET: undefined,
    AUTH_INTROSPECTION_URL: url,
    AUTH_INTROSPECTION_CLIENT_ID: 'video service',
    AUTH_INTROSPECTION_CLIENT_SECRET: SECRET,
    AUTH_AUDIENCE: 'video',
    ...more,
  });
}

async function open(answer: RequestListener, more: Record<string, string | undefined> = {}) {
  const server = await openJwksServer(answer);
  const config = configure(server.url, more);
  const cache: string[] = [];
  const clocks: unknown[] = [];
  const verifier = createIntrospectionVerifier(config.auth.introspection as Introspection, {
    cache: (result) => void cache.push(result),
    clockCompared: (...clock) => void clocks.push(clock),
  });
  onTestFinished(verifier.close);
  return { server, config, cache, clocks, verifier, verify: verifier.verify };
}

async function bodyOf(request: IncomingMessage): Promise<URLSearchParams> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return new URLSearchParams(text);
}

describe('an introspection verifier', () => {
  it('asks by form with the encoded client id and secret, and takes the user', async () => {
    const seen = Promise.withResolvers<unknown>();
    const { verify } = await open(async (request, response) => {
      const { authorization = '', ...headers } = request.headers;
      const basic = Buffer.from(authorization.slice('Basic '.length), 'base64').toString();
      const token = (await bodyOf(request)).get('token');
      seen.resolve({ basic, token, type: headers['content-type'], method: request.method });
      response.end(JSON.stringify(ALICE));
    });
    await expect(verify(TOKEN, NOW)).resolves.toMatchObject({
      userId: 'alice',
      expiresAt: NOW + 600,
    });
    await expect(seen.promise).resolves.toEqual({
      basic: 'video+service:a%3Asecret%2Fwith+%2Bsigns',
      token: TOKEN,
      type: expect.stringMatching(/^application\/x-www-form-urlencoded/),
      method: 'POST',
    });
  });

  /** Unreserved characters stay: many servers do not decode. All others are encoded, and do. */
  it.each([
    ['my-client_id.v2', 'Abc-1_2.3~4*5', 'my-client_id.v2:Abc-1_2.3~4*5'],
    ['a:b', 'c d', 'a%3Ab:c+d'],
    ["o'neil", '(x)!', 'o%27neil:%28x%29%21'],
    ['100%', 'a+b/c=', '100%25:a%2Bb%2Fc%3D'],
    ['电影', '&?#"\\', '%E7%94%B5%E5%BD%B1:%26%3F%23%22%5C'],
  ])('sends %s and %s so that a server that decodes reads them', async (id, secret, sent) => {
    const seen = Promise.withResolvers<string>();
    const { verify } = await open(
      (request, response) => {
        const basic = request.headers.authorization?.slice('Basic '.length) ?? '';
        seen.resolve(Buffer.from(basic, 'base64').toString());
        response.end(JSON.stringify(ALICE));
      },
      { AUTH_INTROSPECTION_CLIENT_ID: id, AUTH_INTROSPECTION_CLIENT_SECRET: secret },
    );
    await verify(TOKEN, NOW);
    expect(await seen.promise).toBe(sent);
    const decoded = sent.split(':').map((one) => new URLSearchParams(`x=${one}`).get('x'));
    expect(decoded).toEqual([id, secret]);
  });

  it.each<[string, Record<string, string | undefined>, Record<string, string>, boolean]>([
    ['client_secret_basic', {}, {}, true],
    ['client_secret_post', {}, { client_id: 'video service', client_secret: SECRET }, false],
    [
      'none',
      { AUTH_INTROSPECTION_CLIENT_SECRET: undefined },
      { client_id: 'video service' },
      false,
    ],
    [
      'none',
      { AUTH_INTROSPECTION_CLIENT_SECRET: undefined, AUTH_INTROSPECTION_CLIENT_ID: undefined },
      {},
      false,
    ],
  ])('authenticates its client by %s', async (method, more, body, hasHeader) => {
    const seen = Promise.withResolvers<unknown>();
    const { verify } = await open(
      async (request, response) => {
        const form = Object.fromEntries(await bodyOf(request));
        seen.resolve([form, request.headers.authorization !== undefined]);
        response.end(JSON.stringify(ALICE));
      },
      { ...more, AUTH_INTROSPECTION_AUTH_METHOD: method },
    );
    await verify(TOKEN, NOW);
    expect(await seen.promise).toEqual([{ token: TOKEN, ...body }, hasHeader]);
  });

  const hydra = {
    active: true,
    scope: 'openid films:watch',
    client_id: 'web',
    sub: 'alice',
    exp: NOW + 600,
    iat: NOW - 5,
    nbf: NOW - 5,
    aud: ['video'],
    iss: 'https://hydra.example',
    token_type: 'Bearer',
    token_use: 'access_token',
    ext: {},
  };
  const keycloak = {
    exp: NOW + 300,
    iat: NOW - 5,
    jti: 'onrtac:1',
    iss: 'https://sso.example/realms/films',
    aud: ['video', 'account'],
    sub: 'alice',
    typ: 'Bearer',
    azp: 'web',
    sid: 'x',
    acr: '1',
    realm_access: { roles: ['offline_access'] },
    scope: 'email profile',
    client_id: 'web',
    username: 'alice',
    token_type: 'Bearer',
    active: true,
  };

  it.each<[string, object, string | undefined]>([
    ["Hydra's access token", hydra, undefined],
    ["Hydra's refresh token", { ...hydra, token_use: 'refresh_token' }, 'claim_token_use'],
    ["Hydra's token without an audience", { ...hydra, aud: [] }, 'claim_aud'],
    ["Hydra's token for another API", { ...hydra, aud: ['x'] }, 'claim_aud'],
    ['a token that Hydra does not know', { active: false }, 'inactive'],
    ["Keycloak's access token", keycloak, undefined],
    ["Keycloak's ID token", { ...keycloak, typ: 'ID' }, 'claim_typ'],
    ["Keycloak's refresh token", { ...keycloak, typ: 'Refresh' }, 'claim_typ'],
    ["Keycloak's offline token", { ...keycloak, typ: 'Offline' }, 'claim_typ'],
    ["Keycloak's token of another client", { ...keycloak, aud: 'account' }, 'claim_aud'],
    ["Keycloak's token that is bound", { ...keycloak, cnf: { jkt: 'x' } }, 'claim_cnf'],
  ])('judges %s', async (_what, answer, code) => {
    const { verify } = await open(says(answer));
    if (!code) expect(await verify(TOKEN, NOW)).toMatchObject({ userId: 'alice' });
    else {
      expect(await rejectionOf(verify(TOKEN, NOW))).toMatchObject({
        code: 'credential_invalid',
        extras: { reason: { code } },
      });
    }
  });

  it('takes tokens without an audience, and none with one, where that is said', async () => {
    const { verify, server } = await open(says({ ...hydra, aud: [] }), { AUTH_AUDIENCE: 'none' });
    expect(await verify(TOKEN, NOW)).toMatchObject({ userId: 'alice' });
    server.answer = says(hydra);
    expect(await rejectionOf(verify('another', NOW))).toMatchObject({
      extras: { reason: { code: 'claim_aud', expected: 'no audience' } },
    });
  });

  it.each([401, 403])('speaks of the credentials after %i', async (code) => {
    const { verify, config } = await open(status(code));
    expect(await rejectionOf(verify(TOKEN, NOW))).toMatchObject({
      ...UNAVAILABLE,
      extras: {
        reason: {
          expected: expect.stringContaining('AUTH_INTROSPECTION_CLIENT_SECRET'),
          received: `STATUS_${code}`,
        },
      },
    });
    const { detail, fix } = await checkKeys(config, () => {});
    expect(detail).toContain('check the credentials');
    expect(fix).toContain('AUTH_INTROSPECTION_AUTH_METHOD');
  });

  it.each<[string, number | undefined]>([
    ['17', 17],
    ['0', 1],
    ['999999', 3_600],
    // Made when the test runs: the file may have been read long before.
    ['a date', 30],
    ['soon', undefined],
    ['-1', undefined],
  ])('hands on after 429 when to ask again: %s', async (header, seconds) => {
    const value = header === 'a date' ? new Date(Date.now() + 30_000).toUTCString() : header;
    const { verify } = await open(status(429, { 'retry-after': value }));
    const error = await rejectionOf(verify(TOKEN, NOW));
    const { retryAfter } = (error as { extras: { retryAfter?: number } }).extras;
    expect(error).toMatchObject(UNAVAILABLE);
    if (seconds === undefined) expect(retryAfter).toBeUndefined();
    else expect(Math.abs((retryAfter ?? 0) - seconds)).toBeLessThanOrEqual(1);
  });

  it('hands it on while the breaker is open, too', async () => {
    const { verify, server } = await open(status(429, { 'retry-after': '60' }));
    for (let n = 0; n < 20; n++) await rejectionOf(verify(`t${n}`, NOW));
    expect(server.requests()).toBeLessThan(10);
    const error = await rejectionOf(verify('last', NOW));
    expect(error).toMatchObject({ extras: { retryAfter: expect.toBeOneOf([59, 60]) } });
  });

  it('counts a token that fails again once, so that it stops no others', async () => {
    const isBad = async (request: IncomingMessage) =>
      (await bodyOf(request)).get('token') === 'bad';
    const { verify } = await open(async (request, response) => {
      const code = (await isBad(request)) ? 500 : 200;
      response.writeHead(code).end(JSON.stringify(ALICE));
    });
    for (let n = 0; n < 20; n++) await rejectionOf(verify('bad', NOW));
    expect(await verify(TOKEN, NOW)).toMatchObject({ userId: 'alice' });
  });

  it.each([
    ['an inactive token', { active: false }, 'inactive'],
    ['a token of another app', { ...ALICE, aud: 'other' }, 'claim_aud'],
    ['a token without an audience', { ...ALICE, aud: undefined }, 'claim_aud'],
    ['a user id that is a number', { ...ALICE, sub: 7 }, 'claim_sub_type'],
    ['an answer without exp', { ...ALICE, exp: undefined }, 'claim_exp_missing'],
    ['an answer of another issuer', { ...ALICE, iss: 'https://evil.example' }, 'claim_iss'],
  ])('refuses %s, and asks once', async (_name, answer, code) => {
    const { verify, server } = await open(says(answer), { AUTH_ISSUER: 'https://login.example' });
    const refused = { code: 'credential_invalid', extras: { reason: { code } } };
    expect(await rejectionOf(verify(TOKEN, NOW))).toMatchObject(refused);
    expect(await rejectionOf(verify(TOKEN, NOW))).toMatchObject(refused);
    expect(server.requests()).toBe(1);
  });

  it('refuses a token whose exp has passed', async () => {
    const { verify } = await open(says({ ...ALICE, exp: NOW }));
    expect(await rejectionOf(verify(TOKEN, NOW))).toMatchObject({ code: 'credential_expired' });
  });

  it('compares the client id where the configuration says so', async () => {
    const audience = { AUTH_AUDIENCE: 'web', AUTH_AUDIENCE_CLAIM: 'client_id' };
    const { verify } = await open(says(ALICE), audience);
    await expect(verify(TOKEN, NOW)).resolves.toMatchObject({ userId: 'alice' });
  });

  it('takes a token without exp when tokens may outlive the session', async () => {
    const { verify } = await open(says({ ...ALICE, exp: undefined }), {
      TOKEN_OUTLIVES_SESSION: 'true',
    });
    await expect(verify(TOKEN, NOW)).resolves.toMatchObject({ userId: 'alice' });
  });

  it.each<[string, RequestListener]>([
    ['active as text', says({ ...ALICE, active: 'true' })],
    ['a list', says([ALICE])],
    ['HTML', (_request, response) => response.end('<html>')],
    ['a huge answer', says({ ...ALICE, more: 'x'.repeat(17_000) })],
    ['a redirect', status(302, { location: 'http://127.0.0.1:1/' })],
    ['401 for the client', status(401, { 'www-authenticate': 'Basic' })],
    ['nothing in time', () => undefined],
    ['a closed connection', (request) => request.socket.destroy()],
  ])('is unavailable after %s, and says neither secret nor token', async (_name, answer) => {
    const { verify, verifier } = await open(answer);
    const error = await rejectionOf(verify(TOKEN, NOW));
    expect(error).toMatchObject({
      ...UNAVAILABLE,
      extras: { reason: { code: 'introspection_unavailable' } },
    });
    expect(verifier.healthy()).toBe(false);
    const text = inspect(error, { depth: 9 });
    for (const secret of [SECRET, TOKEN, 'alice', encodeURIComponent(SECRET)]) {
      expect(text).not.toContain(secret);
    }
  });

  it('asks once for concurrent and later requests, and never past exp', async () => {
    const { verify, server, cache } = await open(says(ALICE));
    await Promise.all([verify(TOKEN, NOW), verify(TOKEN, NOW)]);
    await verify(TOKEN, NOW);
    expect(await rejectionOf(verify(TOKEN, NOW + 600))).toMatchObject({
      code: 'credential_expired',
    });
    expect(server.requests()).toBe(1);
    expect(cache).toEqual(['miss', 'miss', 'hit', 'hit']);
  });

  it('stops asking an endpoint that fails, but not for refusals of single tokens', async () => {
    const { verify, server } = await open(status(400));
    for (let n = 0; n < 10; n++) await rejectionOf(verify(`a${n}`, NOW));
    expect(server.requests()).toBe(10);
    server.answer = status(500);
    for (let n = 0; n < 20; n++) await rejectionOf(verify(`b${n}`, NOW));
    expect(server.requests()).toBeLessThan(25);
  });

  it('finds out by itself that an endpoint answers again', async () => {
    const time = jumpingTime();
    const { verifier, server } = await open(status(500));
    await rejectionOf(verifier.verify(TOKEN, NOW));
    expect(verifier.healthy()).toBe(false);
    server.answer = says({ active: false });
    time.advance(5_000);
    await expect.poll(verifier.healthy).toBe(true);
  });

  it('stays unhealthy while the endpoint that it asks by itself fails', async () => {
    const time = jumpingTime();
    const { verifier, server } = await open(status(500));
    await rejectionOf(verifier.verify(TOKEN, NOW));
    time.advance(5_000);
    await expect.poll(server.requests).toBe(2);
    expect(verifier.healthy()).toBe(false);
  });

  it('is healthy while single tokens are refused', async () => {
    const { verifier } = await open(status(400));
    expect(await rejectionOf(verifier.verify(TOKEN, NOW))).toMatchObject(UNAVAILABLE);
    expect(verifier.healthy()).toBe(true);
  });

  it('is healthy again with the first answer', async () => {
    const { verifier, server } = await open(status(500));
    await rejectionOf(verifier.verify(TOKEN, NOW));
    server.answer = says(ALICE);
    await verifier.verify(TOKEN, NOW);
    expect(verifier.healthy()).toBe(true);
  });

  it('asks again for a token whose answer could not be had', async () => {
    const { verify, server } = await open(status(500));
    await rejectionOf(verify(TOKEN, NOW));
    server.answer = says(ALICE);
    expect(await verify(TOKEN, NOW)).toMatchObject({ userId: 'alice' });
  });

  it('asks again about an active token after 30 s, about another after 5 s', async () => {
    const time = jumpingTime();
    for (const [answer, seconds] of [
      [ALICE, 30],
      [{ active: false }, 5],
    ] as const) {
      const { verify, server } = await open(says(answer));
      const ask = async () => {
        await Promise.allSettled([verify(TOKEN, NOW)]);
        return server.requests();
      };
      await ask();
      time.advance(seconds * 1_000 - 3_000);
      expect(await ask()).toBe(1);
      time.advance(4_000);
      expect(await ask()).toBe(2);
    }
  });

  it.each([
    ['its issuer', { AUTH_ISSUER: 'https://login.example' }, 'https://login.example'],
    ['its address', {}, undefined],
  ])('reports how far the clock is ahead, by %s', async (_, more, name) => {
    const { verify, server, clocks } = await open(says(ALICE), more);
    await verify(TOKEN, NOW);
    expect(clocks).toEqual([[name ?? server.url, expect.any(Number)]]);
  });

  it('asks nothing more when it is closed', async () => {
    const time = jumpingTime();
    const { verifier, server } = await open(status(500));
    await rejectionOf(verifier.verify(TOKEN, NOW));
    const fetches = vi.spyOn(globalThis, 'fetch');
    onTestFinished(() => fetches.mockRestore());
    verifier.close();
    time.advance(10_000);
    await nextIteration();
    expect(fetches).not.toHaveBeenCalled();
    expect(server.requests()).toBe(1);
  });

  it('passes an error of the program on, and keeps it for nobody', async () => {
    const server = await openJwksServer(says(ALICE));
    const introspection = configure(server.url).auth.introspection as Introspection;
    const broken = { ...introspection, rules: { ...introspection.rules, requiredClaims: null } };
    const events = { cache() {}, clockCompared() {} };
    const verifier = createIntrospectionVerifier(broken as never, events);
    onTestFinished(verifier.close);
    for (let n = 1; n <= 2; n++) {
      expect(await rejectionOf(verifier.verify(TOKEN, NOW))).toBeInstanceOf(TypeError);
      expect(server.requests()).toBe(n);
    }
  });

  it('sends a token of 12 kB', async () => {
    const { verify } = await open(says(ALICE));
    expect(await verify('x'.repeat(12_288), NOW)).toMatchObject({ userId: 'alice' });
  });

  it('does not send a token of more than 12 kB', async () => {
    const { verify, server } = await open(says(ALICE));
    expect(await rejectionOf(verify('x'.repeat(12_289), NOW))).toMatchObject({
      code: 'credential_invalid',
      extras: { reason: { code: 'too_long', expected: 'at most 12288 bytes' } },
    });
    expect(server.requests()).toBe(0);
  });
});

describe('a service with introspection', () => {
  it('uses a new client secret after a reload', async () => {
    const secrets: string[] = [];
    const { server, config } = await open((request, response) => {
      secrets.push(Buffer.from(request.headers.authorization?.slice(6) ?? '', 'base64').toString());
      response.end(JSON.stringify(ALICE));
    });
    const events = { cache() {}, verified() {}, jwksFetched() {}, clockCompared() {} };
    const service = await createSecrets(config, events);
    onTestFinished(service.close);
    await service.verify(TOKEN, NOW);
    await service.reload(configure(server.url, { AUTH_INTROSPECTION_CLIENT_SECRET: 'renewed' }));
    await service.verify(TOKEN, NOW);
    expect(secrets[1]).toBe('video+service:renewed');
  });

  it('has a doctor that says whether the endpoint answers', async () => {
    const { server, config } = await open(says({ active: false }));
    expect(await checkKeys(config, () => {})).toMatchObject({ check: 'keys', ok: true });
    server.answer = status(401);
    const finding = await checkKeys(config, () => {});
    expect(finding).toMatchObject({ check: 'keys', ok: false });
    expect(JSON.stringify(finding)).not.toContain(SECRET);
  });
});
