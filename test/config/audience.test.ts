import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { warnOfNoAudience } from '../../src/ops/notices.ts';
import { NOW } from '../support/clock.ts';
import { CLAIMS, compact, hmac } from '../support/compact.ts';
import { load, refusal, type Variables } from '../support/environment.ts';
import { expectReason, openVerifier } from '../support/verifier.ts';

const SECRET = 'a secret of at least 32 bytes, yes';
const JWKS = {
  AUTH_JWT_SECRET: undefined,
  AUTH_JWKS_URL: 'https://login.example/jwks',
  AUTH_ISSUER: 'https://login.example',
};
const INTROSPECTION = {
  AUTH_JWT_SECRET: undefined,
  AUTH_INTROSPECTION_URL: 'https://login.example/introspect',
  AUTH_INTROSPECTION_CLIENT_ID: 'video',
  AUTH_INTROSPECTION_CLIENT_SECRET: 'the secret',
};
const preset = (name: string) => ({ AUTH_JWT_SECRET: undefined, AUTH_PROVIDER: name });
const file = (...entries: object[]): [Variables, Record<string, string>] => [
  { AUTH_JWT_SECRET: undefined, AUTH_PROVIDERS_FILE: 'f' },
  { f: JSON.stringify(entries) },
];
const entry = (issuer: string, more: object = {}) => ({
  issuer,
  jwksUrl: 'https://login.example/jwks',
  audience: 'films',
  userPrefix: '',
  ...more,
});

describe('no audience', () => {
  it.each<[string, Variables]>([
    ['a key set', JWKS],
    ['discovery', { AUTH_JWT_SECRET: undefined, AUTH_ISSUER: 'https://login.example' }],
    ['a secret', { AUTH_JWT_SECRET: SECRET }],
    ['WorkOS', preset('workos:client_01')],
    ['Descope', preset('descope:P2abc')],
    ['SuperTokens', preset('supertokens:https://api.example/auth')],
  ])('is said by none, and warned of at each start: %s', (_what, variables) => {
    const { auth } = load({ ...variables, AUTH_AUDIENCE: 'none' });
    expect(auth.providers).toMatchObject([{ audience: null }]);
    expect(warnings(auth)).toEqual([
      expect.objectContaining({
        msg: 'JWTs are accepted without an audience',
        fix: expect.stringContaining('can sign in here'),
      }),
    ]);
    expect(warnings(load({ AUTH_AUDIENCE: 'films' }).auth)).toEqual([]);
  });

  it('is null in the file, behind the comma of a preset, and with introspection', () => {
    const { auth } = load(...file(entry('https://a.example', { audience: null })));
    expect(auth.providers).toMatchObject([{ audience: null }]);
    const one = load(preset('workos:client_01,none'));
    expect(one.auth.providers).toMatchObject([{ audience: null }]);
    const { introspection } = load({ ...INTROSPECTION, AUTH_AUDIENCE: 'none' }).auth;
    expect(introspection?.rules.audience).toBeNull();
  });

  it.each<[string, Variables, RegExp]>([
    ['beside others', { ...JWKS, AUTH_AUDIENCE: 'none,films' }, /must be none alone/],
    ['in capitals', { ...JWKS, AUTH_AUDIENCE: 'None' }, /must be none alone, in lower case/],
    [
      'with another claim',
      { ...JWKS, AUTH_AUDIENCE: 'none', AUTH_AUDIENCE_CLAIM: 'azp' },
      /for the claim aud alone/,
    ],
    [
      'with another claim by introspection',
      { ...INTROSPECTION, AUTH_AUDIENCE: 'none', AUTH_AUDIENCE_CLAIM: 'client_id' },
      /for the claim aud alone/,
    ],
    [
      'beside others by introspection',
      { ...INTROSPECTION, AUTH_AUDIENCE: 'none,films' },
      /must be none alone/,
    ],
    ...[
      'firebase:films-prod',
      'auth0:films.eu.auth0.com',
      'cognito:eu-west-1/eu-west-1_Abc',
      'supabase:abcdefghijklmnopqrst',
      'clerk:clerk.films.example',
      'keycloak:https://sso.example/realms/films',
      'google',
      'apple',
      'okta:https://films.okta.com',
      'authing:films.authing.cn',
      'logto:https://films.logto.app/oidc',
      'hydra:https://hydra.example',
      'line',
    ].map((name): [string, Variables, RegExp] => [
      `with ${name}`,
      { ...preset(name), AUTH_AUDIENCE: 'none' },
      /is needed, as this provider signs for several apps/,
    ]),
  ])('is refused %s', (_what, variables, message) => {
    expect(refusal(variables)).toEqual([expect.stringMatching(message)]);
  });

  it.each<[string, object]>([
    ['the text none', { audience: 'none' }],
    ['an empty list', { audience: [] }],
    ['null in a list', { audience: [null] }],
    ['null for many tenants', { issuer: 'https://x/{tenantid}/', tenants: ['a'], audience: null }],
  ])('is not %s in the file', (_what, more) => {
    expect(refusal(...file(entry('https://a.example', more)))).toEqual([
      expect.stringMatching(/^AUTH_PROVIDERS_FILE: \[0.audience/),
    ]);
  });

  it('refuses a JWT that has one', async () => {
    const verifier = await openVerifier({ secret: SECRET, audience: null });
    const make = (aud: unknown) => compact({ alg: 'HS256' }, { ...CLAIMS, aud }, hmac(SECRET));
    for (const aud of [undefined, null, []]) {
      expect(await verifier.verify(make(aud), NOW)).toMatchObject({ userId: 'alice' });
    }
    for (const aud of ['films', ['films'], '', [''], [null], {}, 0, false, [[]], 'none', 'null']) {
      await expectReason(verifier, make(aud), { code: 'claim_aud', expected: 'no audience' });
    }
  });
});

describe('two providers', () => {
  const pair = (a: object, b: object) => refusal(...file(a, b));

  it.each([
    ['https://a.example', 'https://a.example/'],
    ['https://a.example/', 'https://a.example'],
    ['https://a.example/x/', 'https://a.example/x//'],
    ['us', 'us/'],
  ])('are refused whose issuers differ by the last slash alone: %s and %s', (a, b) => {
    expect(pair(entry(a), entry(b))).toEqual([
      expect.stringContaining('[1] has the issuer of [0] but for a slash at its end'),
    ]);
  });

  it('are refused where one of several spellings differs so', () => {
    const hydra = { provider: 'hydra:https://h.example', audience: 'x', userPrefix: '' };
    expect(pair(entry('https://h.example//'), hydra)).toEqual([
      expect.stringContaining('but for a slash at its end'),
    ]);
  });

  it('are refused with one prefix that is not empty, and taken with none', () => {
    const [a, b] = ['https://a.example', 'https://b.example'];
    const same = { userPrefix: 'x_' };
    expect(pair(entry(a, same), entry(b, same))).toEqual([
      expect.stringContaining('[1] userPrefix is that of [0]'),
    ]);
    expect(load(...file(entry(a), entry(b))).auth.providers).toHaveLength(2);
  });
});

function warnings(auth: Parameters<typeof warnOfNoAudience>[0]): object[] {
  const lines: object[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  warnOfNoAudience(auth, logger);
  return lines;
}
