import { describe, expect, it } from 'vitest';
import { PRESETS, presetOf } from '../../src/config/identity/presets.ts';
import { providerSchema } from '../../src/config/identity/provider.ts';
import { NOW } from '../support/clock.ts';
import { compact, hmac, signer, unsigned } from '../support/compact.ts';
import { keySet, openJwksServer } from '../support/jwks-server.ts';
import { type KeyAlgorithm, newKeys } from '../support/keys.ts';
import { expectReason, expectRefused, openVerifier } from '../support/verifier.ts';

const KEYS = { RS256: newKeys('RS256', 'kid-1'), ES256: newKeys('ES256', 'kid-1') };
const times = (seconds: number) => ({ iat: NOW - 5, exp: NOW + seconds });
const TENANT = '72f988bf-86f1-41af-91ab-2d7cd011db47';
const OTHER_TENANT = '11111111-2222-3333-4444-555555555555';
const LEGACY_SECRET = 'a-legacy-secret-of-more-than-32-bytes';
const REALM = 'https://sso.example/realms/films';
const OKTA = 'https://dev-1234.okta.com';

/** A provider as an operator writes it, a credential in its real shape, and what must not pass for one. */
type Case = {
  name: string;
  provider: object;
  alg?: KeyAlgorithm;
  header?: object;
  claims: Record<string, unknown>;
  user: string;
  wrong: [what: string, claims: Record<string, unknown>, code: string][];
};

const firebase = {
  iss: 'https://securetoken.google.com/films-prod',
  aud: 'films-prod',
  auth_time: NOW - 60,
  user_id: 'k3JYQ8mT2bXu9Wq7',
  sub: 'k3JYQ8mT2bXu9Wq7',
  ...times(3600),
  firebase: { identities: {}, sign_in_provider: 'anonymous' },
};
const auth0 = {
  iss: 'https://films.eu.auth0.com/',
  sub: 'auth0|5f7c8ec7c33c6c004bbafe82',
  aud: ['https://api.films.example', 'https://films.eu.auth0.com/userinfo'],
  azp: 'my_client_id',
  scope: 'openid profile',
  ...times(86_400),
};
const cognito = {
  sub: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
  iss: 'https://cognito-idp.ap-southeast-1.amazonaws.com/ap-southeast-1_Abc123XYZ',
  client_id: '1example23456789',
  origin_jti: 'aaaaaaaa-bbbb-cccc-dddd-ffffffffffff',
  token_use: 'access',
  scope: 'aws.cognito.signin.user.admin',
  auth_time: NOW - 5,
  username: 'jo',
  ...times(3600),
};
const { client_id: _client, ...cognitoWithoutClient } = cognito;
const cognitoId = { ...cognitoWithoutClient, aud: '1example23456789', token_use: 'id' };
const supabase = {
  iss: 'https://abcdefghijklmnopqrst.supabase.co/auth/v1',
  sub: '0b3e1f6c-7d2a-4c55-9d1e-0f2f3a4b5c6d',
  aud: 'authenticated',
  role: 'authenticated',
  aal: 'aal1',
  session_id: 'd4d1e1a0-0000-4000-8000-000000000000',
  app_metadata: { provider: 'email', providers: ['email'], uid: 'member_17' },
  is_anonymous: false,
  ...times(3600),
};
const clerk = {
  azp: 'https://app.films.example',
  iss: 'https://happy-cat-12.clerk.accounts.dev',
  sub: 'user_2abcDEF',
  sid: 'sess_2abc',
  nbf: NOW - 10,
  ...times(60),
};
const keycloak = {
  iss: REALM,
  typ: 'Bearer',
  azp: 'films-app',
  sub: 'f2b0d8c6-7a3f-4f0e-9f6f-3d1f0a5b6c7d',
  realm_access: { roles: ['offline_access'] },
  scope: 'openid',
  ...times(300),
};
const google = {
  iss: 'https://accounts.google.com',
  azp: '1234.apps.googleusercontent.com',
  aud: '1234.apps.googleusercontent.com',
  sub: '110169484474386276334',
  ...times(3600),
};
const apple = {
  iss: 'https://appleid.apple.com',
  aud: 'com.example.films',
  sub: '001234.abcdef0123456789abcdef0123456789.0123',
  nonce_supported: true,
  ...times(86_400),
};
const entra = {
  aud: '6e74172b-be56-4843-9ff4-e66a39bb12e3',
  iss: `https://login.microsoftonline.com/${TENANT}/v2.0`,
  azp: '6e74172b-be56-4843-9ff4-e66a39bb12e3',
  oid: '690222be-ff1a-4d56-abd1-7e4f7d38e474',
  sub: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
  tid: TENANT,
  ver: '2.0',
  nbf: NOW - 5,
  ...times(4500),
};
const entraV1 = {
  ...entra,
  iss: `https://sts.windows.net/${TENANT}/`,
  aud: 'api://films',
  ver: '1.0',
};
const okta = {
  ver: 1,
  iss: `${OKTA}/oauth2/default`,
  aud: 'api://default',
  cid: '0oabucvyc38HLL1ef0h7',
  uid: '00uixa271s6x7qt8I0h7',
  sub: 'jo@films.example',
  scp: ['openid'],
  ...times(3600),
};
const oktaOrg = {
  sub: '00uixa271s6x7qt8I0h7',
  ver: 1,
  iss: OKTA,
  aud: '0oabucvyc38HLL1ef0h7',
  amr: ['pwd'],
  ...times(3600),
};
const authing = {
  sub: '5f719946524ee1099229496b',
  aud: '5f17a529f64fb009b794a2ff',
  scope: 'openid',
  iss: 'https://films.authing.cn/oidc',
  ...times(1_209_600),
};

const logto = {
  iss: 'https://films.logto.app/oidc',
  sub: 'k6ha4evjj6kf',
  aud: 'https://api.films.example',
  client_id: 'app_1',
  scope: 'films:watch',
  jti: 'x',
  ...times(3600),
};
const zitadel = {
  iss: 'https://films-abc123.zitadel.cloud',
  sub: '163840776835432705',
  aud: ['234567890123456789@films', '98765432109876543'],
  client_id: '234567890123456789@films',
  jti: 'at_x',
  ...times(43_199),
};
const authentik = {
  iss: 'https://id.films.example/application/o/films/',
  sub: '1b0f2c39cbd4a2f2',
  aud: 'AbCdEf123',
  azp: 'AbCdEf123',
  uid: 'vzYq',
  acr: 'goauthentik.io/providers/oauth2/default',
  ...times(300),
};
const hydra = {
  iss: 'https://hydra.films.example',
  sub: 'f2b0d8c6-7a3f-4f0e',
  aud: [],
  client_id: 'films-app',
  ext: {},
  jti: 'x',
  nbf: NOW - 5,
  scp: ['openid', 'offline'],
  ...times(3600),
};
const supertokens = {
  iss: 'https://api.films.example/auth',
  sub: 'fa7a0841-b533-4478-95533-0fde890c3483',
  tId: 'public',
  rsub: 'fa7a0841-b533-4478-95533-0fde890c3483',
  sessionHandle: '3a4f',
  refreshTokenHash1: 'abc',
  parentRefreshTokenHash1: null,
  antiCsrfToken: null,
  stt: 0,
  ...times(3600),
};
const casdoor = {
  owner: 'films',
  name: 'jo',
  type: 'normal-user',
  tokenType: 'access-token',
  scope: 'profile',
  azp: 'b269a3136d26ac6488bb',
  iss: 'https://door.films.example',
  sub: '5cf501cc-d7d0-4975-89d3-25b4d3b486c7',
  aud: ['b269a3136d26ac6488bb'],
  nbf: NOW - 5,
  jti: 'admin/x',
  ...times(604_800),
};
const b2c = {
  iss: `https://films.b2clogin.com/${TENANT}/v2.0/`,
  sub: '884408e1-2918-4cz0-b12d-3aa027d7563b',
  aud: '6e74172b-be56-4843-9ff4-e66a39bb12e3',
  tfp: 'B2C_1_signin',
  scp: 'films.watch',
  azp: '7f4ea227-bdb1-4d15-9bb4-1d5a3c1b4d8f',
  ver: '1.0',
  nbf: NOW - 5,
  ...times(3600),
};
const B2C_POLICY = `https://films.b2clogin.com/${TENANT}/B2C_1_signin/v2.0`;
const fusionauth = {
  iss: 'https://films.fusionauth.io',
  sub: '00000000-0000-0001-0000-000000000000',
  aud: '3c219e58-ed0e-4b18-ad48-f4f92793ae32',
  applicationId: '3c219e58-ed0e-4b18-ad48-f4f92793ae32',
  authenticationType: 'PASSWORD',
  tid: '30663132-6464-6665-3032-326466613934',
  tty: 'at',
  roles: [],
  ...times(3600),
};
const workos = {
  iss: 'https://api.workos.com/user_management/client_01H',
  sub: 'user_01HBEQKA6K4QJAS93VPE39W1JT',
  sid: 'session_01HQSXZGF8FHF7A9ZZFCW4387R',
  org_id: 'org_01HRDMC6CM357W30QMHMQ96Q0S',
  role: 'member',
  jti: 'x',
  ...times(300),
};
const PROJECT = `P${'2'.repeat(27)}`;
const descope = {
  amr: ['oauth'],
  drn: 'DS',
  iss: `https://api.descope.com/${PROJECT}`,
  sub: 'U2abc',
  rexp: '2023-12-13T01:07:21Z',
  ...times(600),
};
const line = {
  iss: 'https://access.line.me',
  sub: 'U1234567890abcdef1234567890abcdef',
  aud: '1234567890',
  auth_time: NOW - 60,
  amr: ['linesso'],
  ...times(3600),
};

const CASES: Case[] = [
  {
    name: "Cognito's updated issuer",
    provider: {
      provider: 'cognito:ap-southeast-1/ap-southeast-1_Abc123XYZ',
      audience: '1example23456789',
    },
    claims: { ...cognito, iss: cognito.iss.replace('cognito-idp', 'issuer-cognito-idp') },
    user: cognito.sub,
    wrong: [
      ['another app client', { client_id: '2example' }, 'claim_client_id'],
      ['a pool of another region', { iss: cognito.iss.replace('ap-s', 'eu-s') }, 'claim_iss'],
      ['a host that only looks like it', { iss: cognito.iss.replace('//', '//x-') }, 'claim_iss'],
      ['an ID token', { token_use: 'id' }, 'claim_token_use'],
    ],
  },
  {
    name: 'Logto',
    provider: { provider: `logto:${logto.iss}`, audience: logto.aud },
    header: { typ: 'at+jwt' },
    claims: logto,
    user: logto.sub,
    wrong: [
      ['another API', { aud: 'https://api.other.example' }, 'claim_aud'],
      ['another tenant', { iss: 'https://other.logto.app/oidc' }, 'claim_iss'],
      ['an ID token', { aud: 'app_1', client_id: undefined }, 'claim_aud'],
      ['a machine', { sub: 'app_1' }, 'claim_sub'],
      ['an organization', { aud: 'urn:logto:organization:x' }, 'claim_aud'],
    ],
  },
  {
    name: 'ZITADEL',
    provider: { provider: `zitadel:${zitadel.iss}`, audience: zitadel.client_id },
    claims: zitadel,
    user: zitadel.sub,
    wrong: [
      ['another app', { aud: ['x@films', '98765432109876543'] }, 'claim_aud'],
      ['another instance', { iss: 'https://other.zitadel.cloud' }, 'claim_iss'],
      ['client credentials', { sub: zitadel.client_id }, 'claim_sub'],
    ],
  },
  {
    name: 'authentik',
    provider: { provider: `authentik:${authentik.iss}`, audience: authentik.aud },
    claims: authentik,
    user: authentik.sub,
    wrong: [
      ['another app', { aud: 'other' }, 'claim_aud'],
      ['another application', { iss: authentik.iss.replace('films/', 'x/') }, 'claim_iss'],
      ['the issuer without its slash', { iss: authentik.iss.slice(0, -1) }, 'claim_iss'],
      ['a logout token', { events: { 'http://x.example/logout': {} } }, 'claim_events'],
    ],
  },
  ...['', '/'].map((slash) => ({
    name: `Ory Hydra, its issuer with "${slash}" at the end`,
    provider: { provider: `hydra:${hydra.iss}${slash}`, audience: 'films-app' },
    claims: { ...hydra, iss: `${hydra.iss}${slash}` },
    user: hydra.sub,
    wrong: [
      ['another client', { client_id: 'other-app' }, 'claim_client_id'],
      ['another server', { iss: 'https://hydra.other.example' }, 'claim_iss'],
      ['an ID token', { client_id: undefined, aud: ['films-app'] }, 'claim_client_id'],
      ['client credentials', { sub: 'films-app' }, 'claim_sub'],
    ] as Case['wrong'],
  })),
  {
    name: 'SuperTokens',
    provider: { provider: `supertokens:${supertokens.iss}`, audience: null },
    claims: supertokens,
    user: supertokens.sub,
    wrong: [
      ['an OAuth client', { stt: 1 }, 'claim_stt'],
      ['an ID token for an OAuth client', { stt: 2, aud: 'app' }, 'claim_aud'],
      ['a JWT between servers', { sessionHandle: undefined }, 'claim_sessionHandle'],
      ['another backend', { iss: 'https://api.other.example/auth' }, 'claim_iss'],
    ],
  },
  {
    name: 'Casdoor',
    provider: { provider: `casdoor:${casdoor.iss}`, audience: casdoor.azp },
    claims: casdoor,
    user: casdoor.sub,
    wrong: [
      ['another app', { aud: ['x'] }, 'claim_aud'],
      ['another server', { iss: 'https://door.other.example' }, 'claim_iss'],
      ['a refresh token', { tokenType: 'refresh-token' }, 'claim_tokenType'],
      ['another kind', { tokenType: 'new-token' }, 'claim_tokenType'],
      ['an application', { type: 'application' }, 'claim_type'],
    ],
  },
  ...[b2c.iss, `https://films.b2clogin.com/tfp/${TENANT}/b2c_1_signin/v2.0/`].map((iss) => ({
    name: `Azure AD B2C as ${iss}`,
    provider: { provider: `b2c:${B2C_POLICY}`, audience: b2c.aud },
    claims: { ...b2c, iss },
    user: b2c.sub,
    wrong: [
      ['another app', { aud: 'x' }, 'claim_aud'],
      ['another tenant', { iss: `https://films.b2clogin.com/${OTHER_TENANT}/v2.0/` }, 'claim_iss'],
      ['another policy', { tfp: 'B2C_1_reset' }, 'claim_tfp'],
      ['another policy by acr', { tfp: undefined, acr: 'b2c_1_edit' }, 'claim_tfp'],
      ['no policy', { tfp: undefined }, 'claim_tfp'],
    ] as Case['wrong'],
  })),
  {
    name: 'Supabase on a host of its own',
    provider: { provider: 'supabase:https://api.films.example/auth/v1' },
    claims: { ...supabase, iss: 'https://api.films.example/auth/v1' },
    user: supabase.sub,
    wrong: [
      ['another host', { iss: 'https://api.other.example/auth/v1' }, 'claim_iss'],
      ['an anonymous key', { aud: undefined, role: 'anon' }, 'claim_aud'],
      ['an OAuth client', { client_id: 'x' }, 'claim_client_id'],
    ],
  },
  {
    name: 'FusionAuth',
    provider: { provider: `fusionauth:${fusionauth.iss}`, audience: fusionauth.aud },
    claims: fusionauth,
    user: fusionauth.sub,
    wrong: [
      ['another app', { aud: 'x' }, 'claim_aud'],
      ['another tenant', { iss: 'acme.com' }, 'claim_iss'],
      ['another kind', { tty: 'rt' }, 'claim_tty'],
    ],
  },
  ...[workos.iss, 'https://api.workos.com', 'https://api.workos.com/'].map((iss) => ({
    name: `WorkOS as ${iss}`,
    provider: { provider: 'workos:client_01H', audience: null },
    claims: { ...workos, iss },
    user: workos.sub,
    wrong: [
      ['another client', { iss: 'https://api.workos.com/user_management/client_02' }, 'claim_iss'],
      ['an OAuth client', { iss: 'https://films.authkit.app', aud: 'x' }, 'claim_iss'],
      ['an audience', { aud: 'x' }, 'claim_aud'],
      ['a machine', { sub: 'client_01H' }, 'claim_sub'],
    ] as Case['wrong'],
  })),
  ...[descope.iss, PROJECT].map((iss) => ({
    name: `Descope as ${iss}`,
    provider: { provider: `descope:${PROJECT}`, audience: null },
    claims: { ...descope, iss },
    user: descope.sub,
    wrong: [
      ['another project', { iss: `https://api.descope.com/P${'3'.repeat(27)}` }, 'claim_iss'],
      ['a refresh token', { drn: 'DSR' }, 'claim_drn'],
      ['an unknown kind', { drn: undefined }, 'claim_drn'],
      ['an audience', { aud: [PROJECT] }, 'claim_aud'],
    ] as Case['wrong'],
  })),
  {
    name: 'LINE',
    provider: { provider: 'line', audience: line.aud },
    alg: 'ES256',
    claims: line,
    user: line.sub,
    wrong: [
      ['another channel', { aud: '1234567891' }, 'claim_aud'],
      ['another issuer', { iss: 'https://access.line.example' }, 'claim_iss'],
    ],
  },
  {
    name: 'Firebase',
    provider: { provider: 'firebase:films-prod' },
    claims: firebase,
    user: firebase.sub,
    wrong: [
      ['another project', { iss: 'https://securetoken.google.com/films-dev' }, 'claim_iss'],
      ['the audience of another project', { aud: 'films-dev' }, 'claim_aud'],
      ['a session cookie', { iss: 'https://session.firebase.google.com/films-prod' }, 'claim_iss'],
    ],
  },
  {
    name: "Auth0's own profile",
    provider: { provider: 'auth0:films.eu.auth0.com', audience: 'https://api.films.example' },
    claims: auth0,
    user: auth0.sub,
    wrong: [
      ['another tenant', { iss: 'https://other.eu.auth0.com/' }, 'claim_iss'],
      ['the issuer without its slash', { iss: 'https://films.eu.auth0.com' }, 'claim_iss'],
      ['an ID token', { aud: 'my_client_id' }, 'claim_aud'],
    ],
  },
  {
    name: "Auth0's profile of RFC 9068, the audience after a comma",
    provider: { provider: 'auth0:films.eu.auth0.com,https://api.films.example' },
    header: { typ: 'at+jwt' },
    claims: { ...auth0, aud: 'https://api.films.example', client_id: 'my_client_id', jti: 'x' },
    user: auth0.sub,
    wrong: [['another API', { aud: 'https://api.other.example' }, 'claim_aud']],
  },
  {
    name: "Cognito's access token",
    provider: {
      provider: 'cognito:ap-southeast-1/ap-southeast-1_Abc123XYZ',
      audience: '1example23456789',
    },
    claims: cognito,
    user: cognito.sub,
    wrong: [
      ['another app client', { client_id: '2example' }, 'claim_client_id'],
      ['an ID token', { ...cognitoId, client_id: undefined }, 'claim_client_id'],
      ['an ID token with a client_id', { token_use: 'id' }, 'claim_token_use'],
      ['another pool', { iss: `${cognito.iss.slice(0, -3)}ABC` }, 'claim_iss'],
    ],
  },
  {
    name: "Cognito's ID token",
    provider: {
      provider: 'cognito:ap-southeast-1/ap-southeast-1_Abc123XYZ',
      audience: '1example23456789',
      audienceClaim: 'aud',
    },
    claims: cognitoId,
    user: cognito.sub,
    wrong: [
      ['an access token', { aud: undefined, client_id: '1example23456789' }, 'claim_aud'],
      ['an access token with an aud', { token_use: 'access' }, 'claim_token_use'],
    ],
  },
  {
    name: 'Supabase with ES256',
    provider: { provider: 'supabase:abcdefghijklmnopqrst' },
    alg: 'ES256',
    claims: supabase,
    user: supabase.sub,
    wrong: [
      ['another project', { iss: 'https://zzzzzzzzzzzzzzzzzzzz.supabase.co/auth/v1' }, 'claim_iss'],
      ['the anonymous key', { iss: 'supabase', role: 'anon', aud: undefined }, 'claim_iss'],
      ['a user who is not signed in', { aud: 'anon' }, 'claim_aud'],
    ],
  },
  {
    name: 'Supabase with the user id of app_metadata',
    provider: { provider: 'supabase:abcdefghijklmnopqrst', userClaim: '/app_metadata/uid' },
    alg: 'ES256',
    claims: supabase,
    user: 'member_17',
    wrong: [
      ['none there', { app_metadata: {} }, 'claim_user_missing'],
      ['a list on the way', { app_metadata: [{ uid: 'x' }] }, 'claim_user_missing'],
      ['an object there', { app_metadata: { uid: {} } }, 'claim_user_type'],
    ],
  },
  {
    name: 'Clerk',
    provider: {
      provider: 'clerk:happy-cat-12.clerk.accounts.dev',
      audience: ['https://app.films.example', 'https://films.example'],
    },
    claims: clerk,
    user: clerk.sub,
    wrong: [
      ['another instance', { iss: 'https://sad-dog-3.clerk.accounts.dev' }, 'claim_iss'],
      ['another origin', { azp: 'https://evil.example' }, 'claim_azp'],
      ['no azp', { azp: undefined }, 'claim_azp'],
    ],
  },
  {
    name: 'Clerk for native apps',
    provider: {
      provider: 'clerk:happy-cat-12.clerk.accounts.dev',
      audience: 'https://app.films.example',
      audienceOptional: true,
    },
    claims: { ...clerk, azp: undefined },
    user: clerk.sub,
    wrong: [
      ['another origin', { azp: 'https://evil.example' }, 'claim_azp'],
      ['null for azp', { azp: null }, 'claim_azp'],
    ],
  },
  {
    name: 'Keycloak without an audience mapper',
    provider: { provider: `keycloak:${REALM}/`, audience: 'films-app' },
    claims: { ...keycloak, aud: 'account' },
    user: keycloak.sub,
    wrong: [
      ['another client', { azp: 'other-app' }, 'claim_azp'],
      ['an ID token', { typ: 'ID', aud: 'films-app' }, 'claim_typ'],
      ['a lightweight access token, which has no sub', { sub: undefined }, 'claim_sub_missing'],
      ['another realm', { iss: 'https://sso.example/realms/other' }, 'claim_iss'],
    ],
  },
  {
    name: 'Keycloak with an audience mapper',
    provider: { provider: `keycloak:${REALM}`, audience: 'films-api', audienceClaim: 'aud' },
    claims: { ...keycloak, aud: ['films-api', 'account'] },
    user: keycloak.sub,
    wrong: [
      ['a token without the mapper', { aud: 'account' }, 'claim_aud'],
      ['an ID token', { typ: 'ID' }, 'claim_typ'],
    ],
  },
  ...['https://accounts.google.com', 'accounts.google.com'].map((iss) => ({
    name: `Google as ${iss}`,
    provider: { provider: 'google', audience: '1234.apps.googleusercontent.com' },
    claims: { ...google, iss },
    user: google.sub,
    wrong: [
      ['another app', { aud: '5678.apps.googleusercontent.com' }, 'claim_aud'] as Case['wrong'][0],
    ],
  })),
  {
    name: 'Apple',
    provider: { provider: 'apple', audience: 'com.example.films' },
    claims: apple,
    user: apple.sub,
    wrong: [
      ['another app', { aud: 'com.example.other' }, 'claim_aud'],
      ['another issuer', { iss: 'https://appleid.example' }, 'claim_iss'],
    ],
  },
  {
    name: 'Entra v2',
    provider: { provider: `entra:${TENANT}`, audience: entra.aud },
    claims: entra,
    user: entra.sub,
    wrong: [
      ['another app', { aud: '00000000-be56-4843-9ff4-e66a39bb12e3' }, 'claim_aud'],
      [
        'another tenant',
        { iss: `https://login.microsoftonline.com/${OTHER_TENANT}/v2.0` },
        'claim_iss',
      ],
    ],
  },
  {
    name: 'Entra v1, by a JWT of more than 8 kB',
    provider: { provider: `entra:${TENANT}`, audience: 'api://films' },
    claims: { ...entraV1, groups: Array.from({ length: 170 }, () => TENANT) },
    user: entra.sub,
    wrong: [['another API', { aud: 'api://other' }, 'claim_aud']],
  },
  {
    name: 'Entra of several tenants',
    provider: { provider: 'entra:organizations', tenants: [TENANT], audience: entra.aud },
    claims: entra,
    user: entra.sub,
    wrong: [
      [
        'a tenant that is not listed',
        { iss: `https://login.microsoftonline.com/${OTHER_TENANT}/v2.0`, tid: OTHER_TENANT },
        'claim_iss',
      ],
      ['an issuer and a tid that differ', { tid: OTHER_TENANT }, 'claim_tid'],
      ['no tid', { tid: undefined }, 'claim_tid'],
      [
        'the pattern itself',
        { iss: 'https://login.microsoftonline.com/{tenantid}/v2.0' },
        'claim_iss',
      ],
    ],
  },
  {
    name: "Okta's custom authorization server",
    provider: { provider: `okta:${OKTA}/oauth2/default`, audience: 'api://default' },
    claims: okta,
    user: okta.uid,
    wrong: [
      ['an ID token', { aud: okta.cid, uid: undefined }, 'claim_aud'],
      ['the org server', { iss: OKTA }, 'claim_iss'],
    ],
  },
  {
    name: "Okta's org server by its ID token",
    provider: { provider: `okta:${OKTA}`, audience: oktaOrg.aud },
    claims: oktaOrg,
    user: oktaOrg.sub,
    wrong: [["Okta's own access token", { aud: OKTA }, 'claim_aud']],
  },
  {
    name: 'Authing with RS256',
    provider: { provider: 'authing:films.authing.cn', audience: authing.aud },
    claims: authing,
    user: authing.sub,
    wrong: [
      ['another app', { aud: '000000000000000000000000' }, 'claim_aud'],
      ['another user pool', { iss: 'https://other.authing.cn/oidc' }, 'claim_iss'],
    ],
  },
  {
    name: 'a backend of its own with numbers for users',
    provider: { issuer: 'us', audience: 'films', userClaimNumeric: true },
    claims: { iss: 'us', aud: 'films', sub: 123_456, ...times(600) },
    user: '123456',
    wrong: [
      ['a fraction', { sub: 1.5 }, 'claim_sub_type'],
      ['more than 53 bits', { sub: 2 ** 53 }, 'claim_sub_type'],
      ['a negative number', { sub: -1 }, 'claim_sub_type'],
      ['true', { sub: true }, 'claim_sub_type'],
    ],
  },
  {
    name: 'a namespaced user claim',
    provider: { issuer: 'us', audience: 'films', userClaim: 'https://films.example/uid' },
    claims: { iss: 'us', aud: 'films', 'https://films.example/uid': 'jo', ...times(600) },
    user: 'jo',
    wrong: [['none', { 'https://films.example/uid': undefined }, 'claim_user_missing']],
  },
];

describe.each(CASES)('a credential of $name', ({ provider, alg = 'RS256', ...rest }) => {
  const { header, claims, user, wrong } = rest;
  const keys = KEYS[alg as 'RS256'];
  const make = (more: object = {}) =>
    compact(
      { alg, kid: 'kid-1', typ: 'JWT', ...header },
      { ...claims, ...more },
      signer(keys.privateKey, alg),
    );
  async function open() {
    const { url } = await openJwksServer(keySet(keys.publicJwk));
    return openVerifier({ ...provider, jwksUrl: url });
  }

  it('is taken', async () => {
    const { verify } = await open();
    expect(await verify(make(), NOW)).toMatchObject({ userId: user });
  });

  it.each(wrong)('is refused: %s', async (_what, more, code) => {
    await expectReason(await open(), make(more), { code, expected: expect.any(String) });
  });

  it('is refused unsigned, opaque, by a secret, or when it is over', async () => {
    const verifier = await open();
    const alike = { ...claims };
    await expectRefused(verifier, compact({ alg: 'none' }, alike, unsigned));
    await expectRefused(verifier, 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..x.y.z');
    await expectRefused(verifier, '2YotnFZFEjr1zCsicMWpAA');
    const byPem = hmac(keys.publicPem);
    await expectRefused(verifier, compact({ alg: 'HS256', kid: 'kid-1' }, alike, byPem));
    await expectRefused(verifier, make({ exp: NOW }), 'credential_expired');
    await expectReason(verifier, make({ exp: undefined }), { code: 'claim_exp_missing' });
  });
});

describe('Supabase while it migrates', () => {
  it('takes the legacy secret and the new keys, each by its own algorithms', async () => {
    const { url } = await openJwksServer(keySet(KEYS.ES256.publicJwk));
    const verifier = await openVerifier({
      provider: 'supabase:abcdefghijklmnopqrst',
      secret: LEGACY_SECRET,
      jwksUrl: url,
    });
    const legacy = compact({ alg: 'HS256', typ: 'JWT' }, supabase, hmac(LEGACY_SECRET));
    const sign = signer(KEYS.ES256.privateKey, 'ES256');
    const modern = compact({ alg: 'ES256', kid: 'kid-1' }, supabase, sign);
    for (const token of [legacy, modern]) {
      expect(await verifier.verify(token, NOW)).toMatchObject({ userId: supabase.sub });
    }
    const pem = hmac(KEYS.ES256.publicPem);
    const confused = compact({ alg: 'HS256', kid: 'kid-1' }, supabase, pem);
    await expectReason(verifier, confused, { code: 'signature' });
    const hs512 = compact({ alg: 'HS512' }, supabase, hmac(LEGACY_SECRET, 512));
    await expectReason(verifier, hs512, { code: 'alg_not_allowed' });
  });

  it('takes the legacy secret while its key set is still empty', async () => {
    const { url } = await openJwksServer(keySet());
    const verifier = await openVerifier({
      provider: 'supabase:abcdefghijklmnopqrst',
      secret: LEGACY_SECRET,
      jwksUrl: url,
    });
    const legacy = compact({ alg: 'HS256', typ: 'JWT' }, supabase, hmac(LEGACY_SECRET));
    expect(await verifier.verify(legacy, NOW)).toMatchObject({ userId: supabase.sub });
    // A key set without a key is a failed fetch; it is shown, and stops nobody.
    expect(verifier.healthy()).toBe(false);
  });
});

it('Authing signs with the secret of the app where it is set to HS256', async () => {
  const { url } = await openJwksServer(keySet());
  const verifier = await openVerifier({
    provider: 'authing:films.authing.cn',
    audience: authing.aud,
    secret: LEGACY_SECRET,
    jwksUrl: url,
  });
  const token = compact({ alg: 'HS256' }, authing, hmac(LEGACY_SECRET));
  expect(await verifier.verify(token, NOW)).toMatchObject({ userId: authing.sub });
});

it("Google's two spellings and Entra's two versions are one issuer each", async () => {
  const { url } = await openJwksServer(keySet(KEYS.RS256.publicJwk));
  const audience = [google.aud, entra.aud, 'api://films'];
  const sign = signer(KEYS.RS256.privateKey, 'RS256');
  for (const [provider, first, second] of [
    ['google', google, { ...google, iss: 'accounts.google.com' }],
    [`entra:${TENANT}`, entra, entraV1],
  ] as const) {
    const { verify } = await openVerifier({ provider, audience, jwksUrl: url });
    for (const claims of [first, second]) {
      const token = compact({ alg: 'RS256', kid: 'kid-1' }, claims, sign);
      expect(await verify(token, NOW)).toMatchObject({ issuer: first.iss });
    }
  }
});

/** Their issuers are hosts of the team. */
const UNRECOGNIZED = ['hydra', 'supertokens', 'casdoor'];

describe('a preset', () => {
  const problems = (input: object) =>
    providerSchema.safeParse(input).error?.issues.map(({ path, message }) => `${path}: ${message}`);

  it.each(CASES.filter(({ provider }) => 'provider' in provider))(
    'is recognised by the issuer of its credentials: $name',
    ({ provider, claims }) => {
      const { provider: written } = provider as { provider: string };
      const expected = written.split(',')[0]?.replace(/\/$/, '').replace('organizations', TENANT);
      const name = expected?.split(':')[0] ?? '';
      if (UNRECOGNIZED.includes(name)) return;
      // One issuer of all clients of WorkOS, and one of all policies, name neither.
      const isShared = /^https:\/\/api\.workos\.com\/?$|b2clogin\.com\/[0-9a-f-]+\/v2/.test(
        String(claims.iss),
      );
      const shown = String(expected).replace(/^b2c:.*/, `b2c:${String(claims.iss).slice(0, -1)}`);
      expect(presetOf(String(claims.iss))).toBe(isShared ? undefined : shown);
    },
  );

  it.each<[provider: string, url: string, algorithms: string[]]>([
    [
      'firebase:films-prod',
      'https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com',
      ['RS256'],
    ],
    [
      'auth0:films.eu.auth0.com',
      'https://films.eu.auth0.com/.well-known/jwks.json',
      ['RS256', 'PS256'],
    ],
    [
      'cognito:ap-southeast-1/ap-southeast-1_Abc123XYZ',
      'https://cognito-idp.ap-southeast-1.amazonaws.com/ap-southeast-1_Abc123XYZ/.well-known/jwks.json',
      ['RS256'],
    ],
    [
      'supabase:abcdefghijklmnopqrst',
      'https://abcdefghijklmnopqrst.supabase.co/auth/v1/.well-known/jwks.json',
      ['ES256', 'RS256', 'EdDSA'],
    ],
    ['clerk:clerk.films.example', 'https://clerk.films.example/.well-known/jwks.json', ['RS256']],
    [
      `keycloak:${REALM}/`,
      `${REALM}/protocol/openid-connect/certs`,
      ['RS256', 'PS256', 'ES256', 'EdDSA'],
    ],
    ['google', 'https://www.googleapis.com/oauth2/v3/certs', ['RS256']],
    ['apple', 'https://appleid.apple.com/auth/keys', ['RS256']],
    [
      `entra:${TENANT}`,
      `https://login.microsoftonline.com/${TENANT}/discovery/v2.0/keys`,
      ['RS256'],
    ],
    [
      'entra:organizations',
      'https://login.microsoftonline.com/organizations/discovery/v2.0/keys',
      ['RS256'],
    ],
    [`okta:${OKTA}`, `${OKTA}/oauth2/v1/keys`, ['RS256']],
    [`okta:${OKTA}/oauth2/default`, `${OKTA}/oauth2/default/v1/keys`, ['RS256']],
    ['authing:films.authing.cn', 'https://films.authing.cn/oidc/.well-known/jwks.json', ['RS256']],
    [`logto:${logto.iss}`, 'https://films.logto.app/oidc/jwks', ['ES384', 'RS256', 'ES256']],
    [
      `zitadel:${zitadel.iss}`,
      'https://films-abc123.zitadel.cloud/oauth/v2/keys',
      ['RS256', 'ES256', 'EdDSA'],
    ],
    [
      `authentik:${authentik.iss}`,
      'https://id.films.example/application/o/films/jwks/',
      ['RS256', 'ES256'],
    ],
    [`hydra:${hydra.iss}`, 'https://hydra.films.example/.well-known/jwks.json', ['RS256', 'ES256']],
    [`supertokens:${supertokens.iss}`, 'https://api.films.example/auth/jwt/jwks.json', ['RS256']],
    [`casdoor:${casdoor.iss}`, 'https://door.films.example/.well-known/jwks', ['RS256', 'ES256']],
    [
      `b2c:${B2C_POLICY}`,
      `https://films.b2clogin.com/${TENANT}/B2C_1_signin/discovery/v2.0/keys`,
      ['RS256'],
    ],
    [
      'supabase:https://api.films.example/auth/v1',
      'https://api.films.example/auth/v1/.well-known/jwks.json',
      ['ES256', 'RS256', 'EdDSA'],
    ],
    [
      `fusionauth:${fusionauth.iss}`,
      'https://films.fusionauth.io/.well-known/jwks.json',
      ['RS256', 'ES256'],
    ],
    ['workos:client_01H', 'https://api.workos.com/sso/jwks/client_01H', ['RS256']],
    [`descope:${PROJECT}`, `https://api.descope.com/v2/keys/${PROJECT}`, ['RS256']],
    [
      `descope:Peuc1${'2'.repeat(27)}`,
      `https://api.euc1.descope.com/v2/keys/Peuc1${'2'.repeat(27)}`,
      ['RS256'],
    ],
    ['line', 'https://api.line.me/oauth2/v2.1/certs', ['ES256']],
  ])('of %s has its keys at %s', (provider, url, algorithms) => {
    const tenants = provider === 'entra:organizations' ? { tenants: [TENANT] } : {};
    const { keys } = providerSchema.parse({ provider, audience: 'films', ...tenants });
    expect(keys).toEqual([{ kind: 'jwks', url, algorithms }]);
  });

  it('of another name is answered with the names that there are', () => {
    expect(problems({ provider: 'gitlab:x' })).toEqual([
      'provider: must be one of firebase:PROJECT_ID, auth0:DOMAIN, cognito:REGION/POOL_ID, ' +
        'supabase:PROJECT_REF_OR_ISSUER_URL, clerk:FRONTEND_API, keycloak:REALM_URL, google, apple, ' +
        'entra:TENANT_ID, okta:AUTHORIZATION_SERVER_URL, authing:APP_DOMAIN, logto:ISSUER_URL, ' +
        'zitadel:ISSUER_URL, authentik:ISSUER_URL, hydra:ISSUER_URL, supertokens:ISSUER_URL, ' +
        'casdoor:ISSUER_URL, b2c:https://NAME.b2clogin.com/TENANT_ID/POLICY/v2.0, fusionauth:URL, ' +
        'workos:CLIENT_ID, descope:PROJECT_ID, line',
    ]);
  });

  it.each(CASES.filter(({ provider }) => 'provider' in provider))(
    'is not recognised by more than the issuer of its credentials: $name',
    ({ claims }) => {
      const iss = String(claims.iss);
      expect(presetOf(`x${iss}`)).toBeUndefined();
      expect(presetOf(`x ${iss}`)).toBeUndefined();
      expect(presetOf(`${iss}/ x`)).toBeUndefined();
    },
  );

  it.each([
    [
      'https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_A',
      'cognito:cn-north-1/cn-north-1_A',
    ],
    ['https://clerk.films.example', 'clerk:clerk.films.example'],
    ['http://10.0.0.1/auth/realms/films', 'keycloak:http://10.0.0.1/auth/realms/films'],
    ['https://films.oktapreview.com/oauth2/x', 'okta:https://films.oktapreview.com/oauth2/x'],
    ['accounts.google.com', 'google'],
  ])('of %s is %s', (iss, provider) => {
    expect(presetOf(iss)).toBe(provider);
  });

  it('is recognised by nothing else', () => {
    for (const iss of ['https://login.example', 'auth0.com', '', 'https://a.b/oidc']) {
      expect(presetOf(iss)).toBeUndefined();
    }
  });

  it.each([
    'auth0:films.auth0.com/evil',
    'auth0:films.auth0.com:8443',
    'auth0:user@films.auth0.com',
    'auth0:films.auth0.com?x',
    'auth0:films.auth0.com#x',
    'auth0:127.0.0.1/..',
    'auth0:169.254.169.254',
    'auth0:',
    'auth0',
    'clerk:host/path',
    'firebase:films/../other',
    'firebase:Films Prod',
    'cognito:eu-west-1',
    'cognito:eu-west-1/us-east-1_Abc',
    'cognito:evil.example/eu-west-1_Abc',
    'supabase:abc.evil.example',
    'entra:contoso.onmicrosoft.com',
    'entra:../common',
    'keycloak:sso.example/realms/films',
    'keycloak:ftp://sso.example/realms/films',
    'keycloak:https://user:password@sso.example/realms/films',
    'keycloak:https://sso.example/realms/films?x=1',
    'okta:https://dev.okta.com/oauth2/default#x',
    'authing:films.authing.cn/oidc',
    'google:x',
    'apple:com.example',
    'logto:films.logto.app',
    'zitadel:ftp://films.zitadel.cloud',
    'authentik:https://user:x@id.example/application/o/films',
    'hydra:https://hydra.example?x',
    `b2c:https://films.b2clogin.com/${TENANT}/v2.0`,
    `b2c:http://films.b2clogin.com/${TENANT}/B2C_1_signin/v2.0`,
    'b2c:https://films.b2clogin.com/films.onmicrosoft.com/B2C_1_signin/v2.0',
    'fusionauth:acme.com',
    'workos:films',
    'workos:client_1/../2',
    'descope:films',
    `descope:${PROJECT}/..`,
    'line:x',
    'supabase:http//x',
    'gitlab:x',
    '__proto__:x',
    'constructor',
  ])('of %s is no provider', (provider) => {
    expect(problems({ provider, audience: 'films' })).toEqual([
      expect.stringMatching(/^provider: must be (one of firebase:PROJECT_ID|of the form )/),
    ]);
  });

  const label = 'a'.repeat(61);
  const longest = `${`${label}.`.repeat(4)}abcde`;

  it.each([
    'firebase:abcdef',
    `firebase:a${'-'.repeat(28)}1`,
    'clerk:a.bc',
    'clerk:a-b.c--d.e-1',
    `clerk:${longest}`,
    'keycloak:https://[::1]:8443/realms/films',
    'keycloak:https://sso-1.example:8443/auth/realms/A_b.c~d-e/',
    'okta:https://films.example',
    'cognito:us-gov-west-1/us-gov-west-1_A',
    'supabase:abcdefg8',
    `supabase:${'a'.repeat(40)}`,
    `entra:${OTHER_TENANT}`,
    'google:',
  ])('of %s is a provider', (provider) => {
    expect(longest).toHaveLength(253);
    expect(problems({ provider, audience: 'films' })).toBeUndefined();
  });

  it.each([
    'firebase:abcde',
    `firebase:a${'b'.repeat(30)}`,
    'firebase:1bcdef',
    'firebase:abcde-',
    'firebase:Abcdef',
    'clerk:a.b',
    'clerk:abcd',
    'clerk:-a.bc',
    'clerk:a-.bc',
    'clerk:a..bc',
    'clerk:.a.bc',
    'clerk:a.bc.',
    'clerk:a.b-',
    'clerk:a.-b',
    'clerk:a.1c',
    'clerk:A.bc',
    `clerk:${longest}f`,
    'keycloak:xhttps://sso.example/realms/films',
    'keycloak:https:///realms/films',
    'keycloak:https://sso.example//films',
    'keycloak:https://sso.example/realms/films//',
    'keycloak:https://SSO.example/realms/films',
    'keycloak:https://sso.example/realms/fil ms',
    'cognito:eux-west-1/eux-west-1_A',
    'cognito:xeu-west-1/eu-west-1_A',
    'cognito:eu-1/eu-1_A',
    'cognito:eu-west-12/eu-west-12_A',
    'cognito:eu-west-1/eu-west-1_',
    'cognito:eu-west-1/eu-west-1_A!',
    'supabase:abcdefg',
    `supabase:${'a'.repeat(41)}`,
    'supabase:abcdefg-h',
    `entra:x${TENANT}`,
    `entra:${TENANT}x`,
    `entra:${TENANT.toUpperCase()}`,
    `entra:${TENANT.slice(1)}`,
    `entra:${TENANT.slice(0, -1)}`,
    'entra:72f988bf-86f1-41af-91ab',
    'entra:xcommon',
    'entra:commonx',
  ])('of %s has the wrong form', (provider) => {
    const found = problems({ provider, audience: 'films', tenants: undefined });
    expect(found).toEqual([expect.stringMatching(/^provider: must be of the form /)]);
  });

  it.each(['http://sso.example/realms/films', 'http://10.0.0.1/realms/films'])(
    'at %s is refused in the clear',
    (url) => {
      const given = { provider: `keycloak:${url}`, audience: 'films' };
      expect(problems(given)).toEqual([expect.stringMatching(/^jwksUrl: must be an https URL/)]);
      expect(problems({ ...given, allowHttp: true })).toBeUndefined();
    },
  );

  it('without its audience says which value to give, and where to find it', () => {
    for (const [name, { audience, whichAudience, withoutAudience }] of Object.entries(PRESETS)) {
      const { provider } = (CASES.find(({ provider: one }) =>
        'provider' in one ? String(one.provider).startsWith(name) : false,
      )?.provider ?? {}) as { provider: string };
      const given = { provider: provider.split(',')[0]?.replace('organizations', TENANT) };
      const none = problems({ ...given, audience: null });
      if (withoutAudience) expect(none).toBeUndefined();
      else {
        const why = 'is needed, as this provider signs for several apps';
        expect(none).toEqual([`audience: ${why}: ${whichAudience}`]);
      }
      if (audience) expect(problems(given)).toBeUndefined();
      else expect(problems(given)).toEqual([`audience: is required: ${whichAudience}`]);
    }
  });

  it('of many tenants starts with no list of them, or for one tenant with a list', () => {
    const given = { provider: 'entra:common', audience: 'films' };
    expect(problems(given)).toEqual([expect.stringContaining('tenants: is required')]);
    const one = { provider: `entra:${TENANT}`, tenants: [TENANT], audience: 'films' };
    expect(problems(one)).toEqual([expect.stringContaining('tenants: is for an issuer')]);
  });

  it('of Amazon Cognito in China is at the domain of Amazon there', () => {
    const given = { provider: 'cognito:cn-north-1/cn-north-1_Abc123XYZ', audience: 'films' };
    expect(providerSchema.parse(given).issuers).toMatchObject([
      { iss: 'https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_Abc123XYZ' },
      { iss: 'https://issuer-cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_Abc123XYZ' },
    ]);
  });

  it('takes a public key in place of its key set', () => {
    const { publicPem } = newKeys('RS256');
    const given = { provider: 'google', audience: 'films', publicKey: publicPem };
    const { issuers, keys } = providerSchema.parse(given);
    expect(issuers).toMatchObject([{ iss: 'https://accounts.google.com' }, {}]);
    expect(keys).toMatchObject([{ kind: 'publicKey' }]);
    expect(keys).toHaveLength(1);
  });

  it('is not read from a text of several lines', () => {
    expect(problems({ provider: 'cognito:pool,films\nothers' })).toEqual([
      expect.stringContaining('provider: must be one of'),
    ]);
  });

  it('may have several keys in place of its key set', () => {
    const jwksUrl = 'https://login.example/jwks';
    const both = [
      { jwksUrl, algorithms: ['RS256'] },
      { secret: LEGACY_SECRET, algorithms: ['HS256'] },
    ];
    const { keys } = providerSchema.parse({ provider: 'google', audience: 'films', keys: both });
    expect(keys.map(({ kind }) => kind)).toEqual(['jwks', 'secret']);
  });

  it('gives each of the algorithms that are listed to the key of its family', () => {
    const algorithms = ['HS384', 'RS256', 'HS512'];
    const given = { provider: 'supabase:abcdefgh', secret: LEGACY_SECRET, algorithms };
    expect(providerSchema.parse(given).keys).toMatchObject([
      { kind: 'jwks', algorithms: ['RS256'] },
      { kind: 'secret', algorithms: ['HS384', 'HS512'] },
    ]);
  });

  it.each([
    ['google:,a,b', ['a', 'b']],
    ['google:,a,, ,b', ['a', 'b']],
    ['firebase:films-prod,', ['films-prod']],
    ['firebase:films-prod,a', ['a']],
  ])('of %s has the audience %j', (provider, audience) => {
    expect(providerSchema.parse({ provider }).audience).toEqual(audience);
  });

  it('is not changed by what is left undefined', () => {
    const given = { provider: 'google', audience: 'films', jwksUrl: undefined };
    const { keys } = providerSchema.parse(given);
    expect(keys).toMatchObject([{ url: 'https://www.googleapis.com/oauth2/v3/certs' }]);
  });

  it.each(['common', 'organizations', 'consumers'])('entra:%s is of many tenants', (name) => {
    const given = { provider: `entra:${name}`, audience: 'films', tenants: [TENANT] };
    expect(providerSchema.parse(given).issuers[0]).toEqual({
      iss: `https://login.microsoftonline.com/${TENANT}/v2.0`,
      canonical: `https://login.microsoftonline.com/${TENANT}/v2.0`,
      tenant: TENANT,
    });
  });

  it('of many tenants takes a list of one or of several, not an empty one', () => {
    const given = { provider: 'entra:common', audience: 'films' };
    const tenants = [TENANT, OTHER_TENANT];
    expect(providerSchema.parse({ ...given, tenants }).issuers).toHaveLength(4);
    expect(problems({ ...given, tenants: [] })).toHaveLength(1);
  });

  it('lets the audience be left out for azp alone', () => {
    const given = { provider: 'google', audience: 'films', audienceOptional: true };
    expect(problems(given)).toEqual(['audienceOptional: is for the audience claim azp alone']);
  });

  it('may have several keys, at most eight for one algorithm', () => {
    const jwksUrl = 'https://login.example/jwks';
    const keys = [{ jwksUrl, algorithms: ['RS256'] }, { secret: LEGACY_SECRET }];
    const given = { issuer: 'us', audience: 'films', keys };
    expect(problems(given)).toBeUndefined();
    const secrets = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ secret: `${LEGACY_SECRET}${i}` }));
    expect(problems({ ...given, keys: [...keys, ...secrets(7)] })).toBeUndefined();
    expect(problems({ ...given, keys: [...keys, ...secrets(8)] })).toEqual([
      'keys: must be at most 8 for one algorithm',
    ]);
    expect(problems({ ...given, secret: LEGACY_SECRET })).toEqual([
      'keys: cannot be combined with secret, publicKey, jwksFile and jwksUrl',
    ]);
  });
});
