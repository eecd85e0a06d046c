import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createIntrospectionVerifier } from '../../src/auth/introspection.ts';
import { NOW } from '../support/clock.ts';
import { CLAIMS, compact, hmac, signer } from '../support/compact.ts';
import { load } from '../support/environment.ts';
import { rejectionOf } from '../support/errors.ts';
import { keySet, openJwksServer } from '../support/jwks-server.ts';
import { JWT_SECRET } from '../support/jwt.ts';
import { newKeys } from '../support/keys.ts';
import { openVerifier } from '../support/verifier.ts';

type Row = [kind: string, header: object, claims: object, code: string | undefined];
const TAKEN = undefined;
const EVENT = { 'http://schemas.openid.net/event/backchannel-logout': {} };

/** Kinds of tokens that no provider's preset has to know. */
const KINDS: Row[] = [
  ['no kind', {}, {}, TAKEN],
  ...['JWT', 'jwt', 'at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/AT+jwt', 'JOSE', ''].map(
    (typ): Row => [`typ ${typ}`, { typ }, {}, TAKEN],
  ),
  ['typ null', { typ: null }, {}, TAKEN],
  ...[
    'logout+jwt',
    'LOGOUT+JWT',
    'application/logout+jwt',
    'APPLICATION/Logout+Jwt',
    'refresh+jwt',
    'rt+jwt',
    'dpop+jwt',
    'secevent+jwt',
    'oauth-authz-req+jwt',
    'client-authentication+jwt',
    'token-introspection+jwt',
    'entity-statement+jwt',
    'kb+jwt',
    'vc+sd-jwt',
    'mt+jwt',
    '+jwt',
    'application/logout+jwt; charset=utf-8',
    ' logout+jwt ',
  ].map((typ): Row => [`typ ${typ}`, { typ }, {}, 'header_typ']),
  ...[1, true, ['JWT'], { JWT: 1 }].map(
    (typ): Row => [`typ ${JSON.stringify(typ)}`, { typ }, {}, 'header_typ'],
  ),
  ...['token_type', 'tokenType', 'type', 'token_use', 'tokenUse', 'typ'].flatMap((claim): Row[] => [
    ...[
      'refresh',
      'Refresh',
      'REFRESH_TOKEN',
      'refresh-token',
      'refreshToken',
      'urn:ietf:params:oauth:token-type:refresh_token',
      ['access', 'refresh'],
      'resetPassword',
      'RESET_PASSWORD',
      'password-reset',
      'passwordResetToken',
      'verifyEmail',
      'verify_email',
      'email_verification',
      'EmailVerification',
      'Logout',
      'Offline',
    ].map((kind): Row => [`${claim} ${kind}`, {}, { [claim]: kind }, `claim_${claim}`]),
    ...[
      'user',
      'access',
      'access_token',
      'accessToken',
      'session',
      'Bearer',
      'JWT',
      'id',
      'id_token',
      'urn:ietf:params:oauth:token-type:access_token',
      'refreshed',
      '',
      2,
      null,
      { refresh: true },
    ].map((kind): Row => [`${claim} ${JSON.stringify(kind)}`, {}, { [claim]: kind }, TAKEN]),
  ]),
  ['a logout token', {}, { events: EVENT }, 'claim_events'],
  ['an event by URN', {}, { events: { 'urn:example:revoked': {} } }, 'claim_events'],
  ['one event of several names', {}, { events: { a: 1, ...EVENT } }, 'claim_events'],
  ['events with plain names', {}, { events: { premiere: true } }, TAKEN],
  ['events in a list', {}, { events: ['premiere'] }, TAKEN],
  ['no events', {}, { events: {} }, TAKEN],
  ...['jkt', 'x5t#S256', 'jwk', 'jwe', 'kid', 'jku', 'osc'].map(
    (member): Row => [`cnf ${member}`, {}, { cnf: { [member]: 'x' } }, 'claim_cnf'],
  ),
  ['cnf with a known and an unknown member', {}, { cnf: { x: 1, jkt: 'x' } }, 'claim_cnf'],
  ['cnf that is a text', {}, { cnf: 'jkt' }, 'claim_cnf'],
  ['cnf that is a list', {}, { cnf: [{ jkt: 'x' }] }, 'claim_cnf'],
  // RFC 7800 section 3.1: members that are not understood are ignored.
  ['cnf with an unknown member alone', {}, { cnf: { 'urn:example:x': 1 } }, TAKEN],
  ['cnf without a member', {}, { cnf: {} }, TAKEN],
  ['cnf null', {}, { cnf: null }, TAKEN],
  ['a DPoP token type', {}, { token_type: 'DPoP' }, 'claim_token_type'],
];

/** The reason of a refusal; undefined when the token is taken. */
async function reasonOf(verifying: unknown): Promise<string | undefined> {
  const taken = Promise.resolve(verifying).then(() => undefined);
  const error = await taken.catch((refusal) => refusal);
  if (error === undefined) return undefined;
  expect(error).toMatchObject({ name: 'ServiceError', code: 'credential_invalid' });
  return error.extras.reason.code;
}

const rsa = newKeys('RS256', 'k');
const OURS = { issuer: 'https://login.example', audience: 'films' };
const claims = { ...CLAIMS, iss: OURS.issuer, aud: OURS.audience };
const byRsa = signer(rsa.privateKey, 'RS256');

describe('a token of another kind', () => {
  const WAYS: [string, () => object | Promise<object>, (header: object, more: object) => string][] =
    [
      [
        'a shared secret',
        () => ({ secret: JWT_SECRET }),
        (header, more) =>
          compact({ alg: 'HS256', ...header }, { ...claims, ...more }, hmac(JWT_SECRET)),
      ],
      [
        'a public key',
        () => ({ publicKey: rsa.publicPem }),
        (header, more) => compact({ alg: 'RS256', ...header }, { ...claims, ...more }, byRsa),
      ],
      [
        'a key set',
        async () => ({ ...OURS, jwksUrl: (await openJwksServer(keySet(rsa.publicJwk))).url }),
        (header, more) =>
          compact({ alg: 'RS256', kid: 'k', ...header }, { ...claims, ...more }, byRsa),
      ],
    ];

  it.each(WAYS)('is refused with %s, and others are taken', async (_name, provider, make) => {
    const { verify } = await openVerifier(await provider());
    for (const [kind, header, more, code] of KINDS) {
      expect([kind, await reasonOf(verify(make(header, more), NOW))]).toEqual([kind, code]);
    }
  });

  it('is taken where it is bound to a key, if that is to be ignored, and no other', async () => {
    const senderConstrained = 'ignore';
    const { verify } = await openVerifier({ secret: JWT_SECRET, senderConstrained });
    for (const [kind, header, more, code] of KINDS) {
      const isBound = code === 'claim_cnf' || kind === 'a DPoP token type';
      const token = compact({ alg: 'HS256', ...header }, { ...claims, ...more }, hmac(JWT_SECRET));
      expect([kind, await reasonOf(verify(token, NOW))]).toEqual([kind, isBound ? TAKEN : code]);
    }
  });
});

describe('a token of another kind of a provider', () => {
  const TENANT = '72f988bf-86f1-41af-91ab-2d7cd011db47';
  const entra = { iss: `https://login.microsoftonline.com/${TENANT}/v2.0`, aud: 'app' };
  const keycloak = { iss: 'https://sso.example/realms/films', azp: 'films-app' };
  const clerk = { iss: 'https://clerk.films.example', azp: 'https://films.example' };
  const google = { iss: 'https://accounts.google.com', aud: 'app', azp: 'app' };
  const supabase = {
    iss: 'https://abcdefghijklmnopqrst.supabase.co/auth/v1',
    aud: 'authenticated',
  };
  const cognitoPool = 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abc';
  const PRESETS: Record<string, object> = {
    keycloak: { provider: 'keycloak:https://sso.example/realms/films', audience: 'films-app' },
    clerk: { provider: 'clerk:clerk.films.example', audience: 'https://films.example' },
    google: { provider: 'google', audience: 'app' },
    apple: { provider: 'apple', audience: 'app' },
    entra: { provider: `entra:${TENANT}`, audience: 'app' },
    supabase: { provider: 'supabase:abcdefghijklmnopqrst' },
    cognito: { provider: 'cognito:eu-west-1/eu-west-1_Abc', audience: 'app' },
    auth0: { provider: 'auth0:films.eu.auth0.com', audience: 'app' },
    okta: { provider: 'okta:https://films.okta.com', audience: 'app' },
    firebase: { provider: 'firebase:films-prod' },
    authing: { provider: 'authing:films.authing.cn', audience: 'app' },
  };
  const cognito = { iss: cognitoPool, client_id: 'app', token_use: 'access' };
  const firebase = { iss: 'https://securetoken.google.com/films-prod', aud: 'films-prod' };
  const GOOD: Record<string, object> = {
    keycloak: { ...keycloak, typ: 'Bearer' },
    clerk,
    google,
    apple: { iss: 'https://appleid.apple.com', aud: 'app' },
    entra,
    supabase,
    cognito,
    auth0: { iss: 'https://films.eu.auth0.com/', aud: 'app' },
    okta: { iss: 'https://films.okta.com', aud: 'app' },
    firebase,
    authing: { iss: 'https://films.authing.cn/oidc', aud: 'app' },
  };

  it.each<
    [provider: string, kind: string, more: object, code: string | undefined, header?: object]
  >([
    ['keycloak', 'an access token', {}, TAKEN],
    ['keycloak', 'an ID token', { typ: 'ID' }, 'claim_typ'],
    ['keycloak', 'a refresh token', { typ: 'Refresh' }, 'claim_typ'],
    ['keycloak', 'an offline token', { typ: 'Offline' }, 'claim_typ'],
    ['keycloak', 'a logout token', { typ: 'Logout', events: EVENT }, 'claim_typ'],
    ['keycloak', 'a DPoP token', { typ: 'DPoP', cnf: { jkt: 'x' } }, 'claim_cnf'],
    ['clerk', 'an active session', { sts: 'active' }, TAKEN],
    ['clerk', 'a pending session', { sts: 'pending' }, 'claim_sts'],
    ['clerk', 'a state of a session that is not known', { sts: ['active'] }, 'claim_sts'],
    ['clerk', 'a token of an OAuth client', {}, 'header_typ', { typ: 'at+jwt' }],
    ['clerk', 'a token of a machine', { sub: 'mch_2abc' }, 'claim_sub'],
    ['google', 'an ID token of a person', {}, TAKEN],
    ['google', 'an ID token of a service account', { sub: '1027', azp: '1027' }, 'claim_azp'],
    ['google', 'one by its address', { email: 'x@y.iam.gserviceaccount.com' }, 'claim_azp'],
    ['apple', 'an ID token', {}, TAKEN],
    [
      'apple',
      'a notification to servers',
      { events: '{"type":"consent-revoked"}' },
      'claim_events',
    ],
    ['entra', 'a token of a user', { idtyp: 'user' }, TAKEN],
    ['entra', 'a token of an app', { idtyp: 'app' }, 'claim_idtyp'],
    ['entra', 'a token of a device', { idtyp: 'device' }, 'claim_idtyp'],
    ['supabase', 'a session', { role: 'authenticated' }, TAKEN],
    ['supabase', 'a token of an OAuth client', { client_id: 'x' }, 'claim_client_id'],
    ['cognito', 'an access token', {}, TAKEN],
    ['cognito', 'an ID token', { token_use: 'id' }, 'claim_token_use'],
    ['cognito', 'a refresh token', { token_use: 'refresh' }, 'claim_token_use'],
    ['auth0', 'an access token of RFC 9068', {}, TAKEN, { typ: 'at+jwt' }],
    ['auth0', 'a logout token', { events: EVENT }, 'header_typ', { typ: 'logout+jwt' }],
    ['okta', 'an ID token', {}, TAKEN],
    ['okta', 'a logout token', { events: EVENT }, 'claim_events'],
    ['firebase', 'an ID token', {}, TAKEN],
    [
      'firebase',
      'a session cookie',
      { iss: 'https://session.firebase.google.com/films-prod' },
      'claim_iss',
    ],
    ['authing', 'an ID token', {}, TAKEN],
  ])('of %s: %s', async (name, _kind, more, code, header = { typ: 'JWT' }) => {
    const publicKey = rsa.publicPem;
    const { verify } = await openVerifier({ ...PRESETS[name], publicKey, algorithms: ['RS256'] });
    const token = compact(
      { alg: 'RS256', ...header },
      { ...CLAIMS, ...GOOD[name], ...more },
      byRsa,
    );
    expect(await reasonOf(verify(token, NOW))).toBe(code);
  });

  it('is taken where the operator requires the claim that names it', async () => {
    const own = { publicKey: rsa.publicPem, requiredClaims: { client_id: 'ours' } };
    const { verify } = await openVerifier({ ...PRESETS.supabase, ...own, algorithms: ['RS256'] });
    const make = (client_id?: string) =>
      compact({ alg: 'RS256' }, { ...CLAIMS, ...supabase, client_id }, byRsa);
    expect(await reasonOf(verify(make('ours'), NOW))).toBe(TAKEN);
    for (const other of ['theirs', undefined]) {
      expect(await reasonOf(verify(make(other), NOW))).toBe('claim_client_id');
    }
  });

  it("Keycloak's DPoP token is taken where its binding is to be ignored", async () => {
    const own = { publicKey: rsa.publicPem, senderConstrained: 'ignore', algorithms: ['RS256'] };
    const { verify } = await openVerifier({ ...PRESETS.keycloak, ...own });
    const make = (typ: string) =>
      compact({ alg: 'RS256' }, { ...CLAIMS, ...keycloak, typ, cnf: { jkt: 'x' } }, byRsa);
    expect(await reasonOf(verify(make('DPoP'), NOW))).toBe(TAKEN);
    expect(await reasonOf(verify(make('ID'), NOW))).toBe('claim_typ');
  });
});

describe('an introspection answer', () => {
  async function answerOf(more: object, variables: Record<string, string> = {}) {
    const body = { active: true, sub: 'alice', aud: 'films', exp: NOW + 600, ...more };
    const server = createServer((_request, response) => response.end(JSON.stringify(body)));
    const listening = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', listening.resolve);
    await listening.promise;
    onTestFinished(() => void server.close());
    const { introspection } = load({
      AUTH_JWT_SECRET: undefined,
      AUTH_INTROSPECTION_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      AUTH_INTROSPECTION_CLIENT_ID: 'us',
      AUTH_INTROSPECTION_CLIENT_SECRET: 'secret',
      AUTH_AUDIENCE: 'films',
      ...variables,
    }).auth;
    if (!introspection) throw new Error('no introspection');
    const verifier = createIntrospectionVerifier(introspection, { cache() {}, clockCompared() {} });
    onTestFinished(verifier.close);
    return reasonOf(verifier.verify('opaque', NOW));
  }

  it.each<[string, object, string | undefined]>([
    ['a bearer token', { token_type: 'Bearer' }, TAKEN],
    ["Hydra's access token", { token_use: 'access_token', token_type: 'Bearer' }, TAKEN],
    ["Hydra's refresh token", { token_use: 'refresh_token' }, 'claim_token_use'],
    ['a refresh token by its type', { token_type: 'refresh_token' }, 'claim_token_type'],
    ['an ID token by its type', { token_type: 'id_token' }, 'claim_token_type'],
    ['an ID token by its use', { token_use: 'id' }, 'claim_token_use'],
    ["Keycloak's access token", { typ: 'Bearer', token_type: 'Bearer' }, TAKEN],
    ["Keycloak's refresh token", { typ: 'Refresh' }, 'claim_typ'],
    ["Keycloak's offline token", { typ: 'Offline' }, 'claim_typ'],
    ["Keycloak's ID token", { typ: 'ID' }, 'claim_typ'],
    ['a DPoP token', { token_type: 'DPoP', cnf: { jkt: 'x' } }, 'claim_token_type'],
    ['a token of mutual TLS', { cnf: { 'x5t#S256': 'x' } }, 'claim_cnf'],
  ])('about %s', async (_kind, answer, code) => {
    expect(await answerOf(answer)).toBe(code);
  });

  it('about a bound token is taken where that is to be ignored', async () => {
    const variables = { AUTH_SENDER_CONSTRAINED: 'ignore' };
    expect(await answerOf({ token_type: 'DPoP', cnf: { jkt: 'x' } }, variables)).toBe(TAKEN);
  });

  it('must have the claims that are required', async () => {
    const variables = { AUTH_REQUIRED_CLAIMS: 'scope=films:watch' };
    expect(await answerOf({ scope: 'openid films:watch' }, variables)).toBe(TAKEN);
    expect(await answerOf({ scope: 'openid' }, variables)).toBe('claim_scope');
  });
});

describe('required claims', () => {
  it.each<[required: object, claims: object, code: string | undefined]>([
    [{ token_use: 'access' }, { token_use: 'access' }, TAKEN],
    [{ token_use: 'access' }, { token_use: 'id' }, 'claim_token_use'],
    [{ token_use: 'access' }, {}, 'claim_token_use'],
    [{ token_use: 'access' }, { token_use: 'Access' }, 'claim_token_use'],
    [{ scope: 'films:watch' }, { scope: 'openid films:watch' }, TAKEN],
    [{ scope: 'films:watch' }, { scope: 'films:watcher' }, 'claim_scope'],
    [{ scope: 'films:watch' }, { scope: ['openid', 'films:watch'] }, TAKEN],
    [{ scp: 'films:watch' }, { scp: 'films:watch x' }, TAKEN],
    [{ scp: 'films:watch' }, { scp: ['x'] }, 'claim_scp'],
    [{ roles: 'viewer' }, { roles: ['admin', 'viewer'] }, TAKEN],
    [{ roles: 'viewer' }, { roles: 'admin viewer' }, 'claim_roles'],
    [{ roles: 'viewer' }, { roles: [['viewer']] }, 'claim_roles'],
    [{ roles: 'viewer' }, { roles: { viewer: true } }, 'claim_roles'],
    [{ email_verified: true }, { email_verified: true }, TAKEN],
    [{ email_verified: true }, { email_verified: 'true' }, TAKEN],
    [{ email_verified: true }, { email_verified: false }, 'claim_email_verified'],
    [{ level: 2 }, { level: 2 }, TAKEN],
    [{ '/app_metadata/plan': 'pro' }, { app_metadata: { plan: 'pro' } }, TAKEN],
    [{ '/app_metadata/plan': 'pro' }, { app_metadata: { plan: 'free' } }, 'claim_required'],
    [{ toString: 'x' }, {}, 'claim_toString'],
    [{ a: '1', b: '2' }, { a: '1' }, 'claim_b'],
  ])('%o of %o', async (requiredClaims, more, code) => {
    const { verify } = await openVerifier({ secret: JWT_SECRET, requiredClaims });
    const token = compact({ alg: 'HS256' }, { ...claims, ...more }, hmac(JWT_SECRET));
    expect(await reasonOf(verify(token, NOW))).toBe(code);
  });

  it('are pairs in their variable', () => {
    const required = (pairs: string) =>
      load({ AUTH_REQUIRED_CLAIMS: pairs }).auth.providers[0]?.requiredClaims;
    expect(required('token_use=access, scope=films:watch')).toEqual({
      token_use: 'access',
      scope: 'films:watch',
    });
    expect(required('https://films.example/plan=a=b')).toEqual({
      'https://films.example/plan': 'a=b',
    });
  });

  it.each(['token_use', '=access', 'token_use=', 'a=1,', ',', 'a=1,a=2', '__proto__=1'])(
    'are refused at the start as "%s"',
    async (pairs) => {
      const error = await rejectionOf(
        Promise.resolve().then(() => load({ AUTH_REQUIRED_CLAIMS: pairs })),
      );
      expect((error as Error).message).toMatch(/^AUTH_REQUIRED_CLAIMS: .* \(for example/);
    },
  );
});
