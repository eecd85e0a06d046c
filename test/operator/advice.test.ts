import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createVerifier } from '../../src/auth/verifier.ts';
import { loadConfig } from '../../src/config/config.ts';
import { runExplainJwt } from '../../src/operator/jwt-cli.ts';
import { readRegularFile } from '../../src/regular-file.ts';
import { runCommand } from '../support/command.ts';
import { compact, hmac, signer, unsigned } from '../support/compact.ts';
import { LEAST } from '../support/environment.ts';
import { temporaryFolder } from '../support/folder.ts';
import { openJwksServer } from '../support/jwks-server.ts';
import { newKeys } from '../support/keys.ts';

const SECRET = 'seventeen-horses-drink-from-the-river-at-dawn';
const NOW = Math.floor(Date.now() / 1000);
const ours = { iss: 'https://login.example', aud: 'films', sub: 'jo', iat: NOW, exp: NOW + 600 };
const SECRETS = { AUTH_JWT_SECRET: SECRET, AUTH_ISSUER: ours.iss, AUTH_AUDIENCE: 'films' };
const rsa = newKeys('RS256', 'kid-1');
const stranger = newKeys('RS256', 'kid-1');
const ec = newKeys('ES384', 'kid-1');

const folder = temporaryFolder();
afterAll(folder.remove);

type Environment = Record<string, string>;

const h = (claims: object = {}, header: object = {}, secret: string | Buffer = SECRET) =>
  compact({ alg: 'HS256', ...header }, { ...ours, ...claims }, hmac(secret));
const r = (claims: object = {}, header: object = {}, key = rsa.privateKey) =>
  compact({ alg: 'RS256', kid: 'kid-1', ...header }, { ...ours, ...claims }, signer(key, 'RS256'));

/** A provider on loopback, with a discovery document. */
async function openProvider(keys: object[] = [rsa.publicJwk]) {
  const server = await openJwksServer((request, response) => {
    const { origin } = new URL(server.url);
    const isDocument = request.url?.includes('openid-configuration');
    response.end(JSON.stringify(isDocument ? { issuer: origin, jwks_uri: server.url } : { keys }));
  });
  return { url: server.url, origin: new URL(server.url).origin };
}

async function explain(token: string, environment: Environment) {
  const file = join(folder.path, 'jwt');
  writeFileSync(file, token);
  const context = { environment, readFile: readRegularFile, dotenv: () => '' };
  const { stdout } = await runCommand((terminal) =>
    runExplainJwt(file, { ...context, terminal }, true),
  );
  return JSON.parse(stdout) as { accepted: boolean; settings: string[]; why?: string };
}

/** Whether the service starts with the environment and the lines, and takes the JWT. */
async function isTaken(token: string, environment: Environment, lines: string[]) {
  const added = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)));
  const { AUTH_JWT_SECRET: _secret, ...least } = LEAST;
  const { auth } = loadConfig({ ...least, ...environment, ...added }, readRegularFile);
  const events = { cache() {}, verified() {}, jwksFetched() {}, clockCompared() {} };
  const verifier = await createVerifier(auth.providers, events, auth.ids);
  try {
    await verifier.verify(token, NOW);
    return true;
  } finally {
    verifier.close();
  }
}

type Row = [what: string, token: string, environment: Environment, taken: boolean];

const preset = (provider: string, more: Environment = {}) => ({ AUTH_PROVIDER: provider, ...more });
const graph = { ...ours, iss: 'https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/' };

/** `URL` and `ORIGIN` stand for the provider on loopback. */
const ROWS: Row[] = [
  // By a shared secret.
  ['another audience', h({ aud: 'songs' }), SECRETS, true],
  ['one of several audiences', h({ aud: ['account', 'songs'] }), SECRETS, true],
  ['another issuer', h({ iss: 'https://other.example' }), SECRETS, true],
  ['another issuer and audience', h({ iss: 'us', aud: 'songs' }), SECRETS, true],
  ['the issuer with a slash', h({ iss: 'https://login.example/' }), SECRETS, true],
  ['numbers for users', h({ sub: 7 }), SECRETS, true],
  ['another user claim', h({ sub: undefined, user_id: 'jo' }), SECRETS, true],
  ['another user claim with numbers', h({ sub: undefined, id: 7 }), SECRETS, true],
  ['an id that ZEGO refuses', h({ sub: 'auth0|jo' }), SECRETS, true],
  ['an id that ZEGO refuses, of another audience', h({ sub: 'é', aud: 'x' }), SECRETS, true],
  ['azp in place of aud', h({ aud: undefined, azp: 'songs' }), SECRETS, true],
  ['client_id in place of aud', h({ aud: [], client_id: 'songs' }), SECRETS, true],
  ['HS512', compact({ alg: 'HS512' }, ours, hmac(SECRET, 512)), SECRETS, true],
  [
    'a decoded secret',
    h({}, {}, Buffer.from('c2VjcmV0'.repeat(8), 'base64')),
    { ...SECRETS, AUTH_JWT_SECRET: 'c2VjcmV0'.repeat(8) },
    true,
  ],
  [
    'a secret in hex, for another audience',
    h({ aud: 'x' }, {}, Buffer.from('ab'.repeat(40), 'hex')),
    { ...SECRETS, AUTH_JWT_SECRET: 'ab'.repeat(40) },
    true,
  ],
  [
    'Keycloak by the secret',
    h({ iss: 'https://sso.example/realms/x', typ: 'Bearer', azp: 'app' }),
    SECRETS,
    true,
  ],
  ['no audience', h({ aud: undefined }), SECRETS, false],
  ['no issuer', h({ iss: undefined }), SECRETS, false],
  ['no user', h({ sub: undefined }), SECRETS, false],
  ['a user that is an object', h({ sub: {} }), SECRETS, false],
  ['a number beyond 2^53', h({ sub: 2 ** 60 }), SECRETS, false],
  ['another secret', h({}, {}, 'x'.repeat(32)), SECRETS, false],
  ['another secret and audience', h({ aud: 'songs' }, {}, 'x'.repeat(32)), SECRETS, false],
  ['no signature', compact({ alg: 'none' }, ours, unsigned), SECRETS, false],
  ['a past', h({ exp: 1 }), SECRETS, false],
  ['a past and another audience', h({ exp: 1, aud: 'songs' }), SECRETS, false],
  ['a future', h({ nbf: NOW + 500 }), SECRETS, false],
  ['no end', h({ exp: undefined }), SECRETS, false],
  ['a refresh token', h({ token_type: 'refresh' }), SECRETS, false],
  ['a bound token', h({ cnf: { jkt: 'x' } }), SECRETS, false],
  ['an audience with a comma', h({ aud: 'a,b' }), SECRETS, false],
  ['an audience with a quote', h({ aud: "a'b" }), SECRETS, false],
  ['an audience of two lines', h({ aud: 'a\nZEGO_ID_RULE=off' }), SECRETS, false],
  ['the audience "none"', h({ aud: 'none' }), SECRETS, false],
  ['an issuer with a space', h({ iss: 'a b' }), SECRETS, false],
  ['an issuer that is a list', h({ iss: ['a'] }), SECRETS, false],
  ['Microsoft Graph', h({ ...graph, aud: '00000003-0000-0000-c000-000000000000' }), SECRETS, false],
  [
    'Microsoft Graph by its name',
    h({ ...graph, aud: 'https://graph.microsoft.com' }),
    SECRETS,
    false,
  ],
  ['Azure', h({ ...graph, aud: 'https://management.core.windows.net/' }), SECRETS, false],
  [
    "Auth0's API",
    h({ iss: 'https://x.auth0.com/', aud: 'https://x.auth0.com/api/v2/' }),
    SECRETS,
    false,
  ],
  ['Keycloak account', h({ aud: 'account' }), SECRETS, false],
  ['an opaque token', 'abcdef', SECRETS, false],
  ['a secret, where none is configured', h(), {}, false],
  ['a key, where a secret is configured', r(), SECRETS, false],
  ['a configuration that is refused', h(), { ...SECRETS, AUTH_JWT_SECRET: 'short' }, false],
  // By the keys of a provider.
  ['an issuer with a document', r({ iss: 'ORIGIN' }), {}, true],
  ['an issuer with a document, no aud', r({ iss: 'ORIGIN', aud: undefined }), {}, false],
  [
    'an issuer with a document, and a key of somebody',
    r({ iss: 'ORIGIN' }, {}, stranger.privateKey),
    {},
    false,
  ],
  ['an issuer that is no address', r({ iss: 'us' }), {}, false],
  [
    'a key set, for another audience',
    r({ aud: 'x' }),
    { AUTH_JWKS_URL: 'URL', AUTH_ISSUER: ours.iss, AUTH_AUDIENCE: 'films' },
    true,
  ],
  [
    'a key set, of another issuer',
    r({ iss: 'us' }),
    { AUTH_JWKS_URL: 'URL', AUTH_ISSUER: ours.iss, AUTH_AUDIENCE: 'films' },
    true,
  ],
  ['a key set without an audience', r(), { AUTH_JWKS_URL: 'URL', AUTH_ISSUER: ours.iss }, true],
  [
    'a key set that did not sign it',
    r({ aud: 'x' }, {}, stranger.privateKey),
    { AUTH_JWKS_URL: 'URL', AUTH_ISSUER: ours.iss, AUTH_AUDIENCE: 'films' },
    false,
  ],
  [
    'Auth0 on a domain of its own',
    r(),
    preset('auth0:x.auth0.com', { AUTH_JWKS_URL: 'URL', AUTH_AUDIENCE: 'films' }),
    true,
  ],
  [
    'Google, for another app',
    r({ iss: 'https://accounts.google.com', aud: 'x' }),
    preset('google', { AUTH_JWKS_URL: 'URL', AUTH_AUDIENCE: 'films' }),
    false,
  ],
  [
    'Google, without an audience',
    r({ iss: 'https://accounts.google.com' }),
    preset('google', { AUTH_JWKS_URL: 'URL' }),
    true,
  ],
  [
    'WorkOS without an audience',
    r({ iss: 'https://api.workos.com', aud: undefined, sub: 'user_1' }),
    preset('workos:client_1', { AUTH_JWKS_URL: 'URL' }),
    true,
  ],
  [
    'Cognito, an ID token',
    r({
      iss: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A',
      aud: 'app',
      token_use: 'id',
    }),
    preset('cognito:eu-west-1/eu-west-1_A', { AUTH_JWKS_URL: 'URL', AUTH_AUDIENCE: 'app' }),
    true,
  ],
  [
    'Cognito, another kind',
    r({
      iss: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A',
      aud: 'app',
      token_use: 'x',
    }),
    preset('cognito:eu-west-1/eu-west-1_A', { AUTH_JWKS_URL: 'URL', AUTH_AUDIENCE: 'app' }),
    false,
  ],
];

describe('explain --jwt', () => {
  it('has rows enough', () => {
    expect(ROWS.length).toBeGreaterThan(40);
  });

  it.each(ROWS)(
    'proposes what was tried, or says why there is nothing: %s',
    async (_what, given, environment, taken) => {
      const provider = await openProvider([rsa.publicJwk, ec.publicJwk]);
      const filled = Object.entries(environment).map(([name, value]) => [
        name,
        value.replace('URL', provider.url),
      ]);
      const variables: Environment = Object.fromEntries(filled);
      const token = given.includes('.') ? withOrigin(given, provider.origin) : given;
      const { accepted, settings, why } = await explain(token, variables);
      expect([accepted, settings.length > 0, why === undefined]).toEqual([false, taken, taken]);
      if (taken) expect(await isTaken(token, variables, settings)).toBe(true);
    },
  );

  it('needs no advice for what the service takes', async () => {
    expect(await explain(h(), SECRETS)).toMatchObject({ accepted: true, settings: [] });
  });

  it.each([
    ['for-development-on-this-machine-only', h({}, {}, 'another-secret-of-thirty-two-bytes')],
    ['seventeen horses drink from the river!', h({}, {}, 'another-secret-of-thirty-two-bytes')],
    ['0123456789abcdef'.repeat(4), h({}, {}, 'another-secret-of-thirty-two-bytes')],
  ])('blames the key, and not the configuration, which is right: %s', async (secret, token) => {
    const environment = { ...SECRETS, AUTH_JWT_SECRET: secret };
    const { settings, why } = await explain(token, environment);
    expect([settings, why]).toEqual([
      [],
      expect.stringContaining('not signed with the configured'),
    ]);
  });

  it('blames the algorithm of a JWT that a shared secret cannot sign', async () => {
    const { settings, why } = await explain(r(), SECRETS);
    expect([settings, why]).toEqual([[], expect.stringContaining('its alg is another')]);
  });

  it('prints no secret but a new key for ids', async () => {
    const { settings } = await explain(h({ sub: 'auth0|jo', aud: 'songs' }), SECRETS);
    expect(settings.join()).not.toContain(SECRET);
    expect(settings).toContainEqual(expect.stringMatching(/^AUTH_USER_ID_KEY=[\w-]{43}$/));
  });
});

/** Signs again with the address of the provider as issuer. */
function withOrigin(token: string, origin: string): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  if (claims.iss !== 'ORIGIN') return `${header}.${payload}.${signature}`;
  const input = `${header}.${payload}`;
  const isOurs = signer(rsa.privateKey, 'RS256')(input).toString('base64url') === signature;
  const key = isOurs ? rsa.privateKey : stranger.privateKey;
  return r({ ...claims, aud: claims.aud, iss: origin }, {}, key);
}
