import { describe, expect, it } from 'vitest';
import { type Files, load, refusal, type Variables } from '../support/environment.ts';
import { newKeys } from '../support/keys.ts';

const SECRET = 'a secret of at least 32 bytes, yes';
const OTHER = 'another one of at least 32 bytes, yes';
const rsa = newKeys('RS256');
const JWKS = {
  AUTH_JWT_SECRET: undefined,
  AUTH_JWKS_URL: 'https://login.example/jwks',
  AUTH_ISSUER: 'https://login.example',
  AUTH_AUDIENCE: 'video',
};

describe('the AUTH_ variables', () => {
  it('make one provider', () => {
    const config = load({
      ...JWKS,
      AUTH_AUDIENCE: 'video, films',
      AUTH_ALGORITHMS: 'RS256,ES256',
      AUTH_USER_CLAIM: 'email',
      AUTH_CLOCK_TOLERANCE_SECONDS: '30',
    });
    expect(config.auth.providers).toEqual([
      {
        issuers: [{ iss: 'https://login.example', canonical: 'https://login.example' }],
        audience: ['video', 'films'],
        audienceClaim: 'aud',
        audienceOptional: false,
        requiredClaims: {},
        userClaim: 'email',
        userClaimNumeric: false,
        userPrefix: '',
        clockToleranceSeconds: 30,
        keys: [{ kind: 'jwks', algorithms: ['RS256', 'ES256'], url: 'https://login.example/jwks' }],
      },
    ]);
  });

  it('hold a public key, in the environment or in a file', () => {
    const inPlace = { AUTH_JWT_SECRET: undefined, AUTH_JWT_PUBLIC_KEY: rsa.publicPem };
    const inFile = { AUTH_JWT_SECRET: undefined, AUTH_JWT_PUBLIC_KEY_FILE: 'key.pem' };
    for (const config of [load(inPlace), load(inFile, { 'key.pem': rsa.publicPem })]) {
      expect(config.auth.providers).toMatchObject([
        { keys: [{ algorithms: ['RS256'], kind: 'publicKey' }] },
      ]);
    }
  });

  const KEYS = {
    AUTH_JWT_SECRET: SECRET,
    AUTH_JWT_PUBLIC_KEY: rsa.publicPem,
    AUTH_JWKS_FILE: 'keys.json',
    AUTH_JWKS_URL: 'https://login.example/jwks',
    AUTH_PROVIDERS_FILE: 'providers.json',
  };
  const names = Object.keys(KEYS) as (keyof typeof KEYS)[];
  const pairs = names.flatMap((a, i) => names.slice(i + 1).map((b) => [a, b] as const));

  it.each(pairs)('set one key: not %s and %s', (a, b) => {
    const two = { AUTH_JWT_SECRET: undefined, [a]: KEYS[a], [b]: KEYS[b] };
    expect(refusal(two)).toEqual([
      `${a}: exactly one of ${[...names, 'AUTH_PROVIDER', 'AUTH_INTROSPECTION_URL'].join(', ')} must be set, or AUTH_ISSUER alone; ${a} and ${b} are set`,
    ]);
  });

  it.each<[string, Variables, string]>([
    [
      'a short secret',
      { AUTH_JWT_SECRET: 's'.repeat(31) },
      'AUTH_JWT_SECRET: must be at least 32 bytes long',
    ],
    [
      'an algorithm of another family',
      { AUTH_ALGORITHMS: 'RS256' },
      'AUTH_ALGORITHMS: must be HS256, HS384 or HS512 with a shared secret',
    ],
    [
      'mixed families',
      { AUTH_ALGORITHMS: 'HS256,RS256' },
      'AUTH_ALGORITHMS: must be HS256, HS384 or HS512 with a shared secret',
    ],
    [
      'a private key',
      { AUTH_JWT_SECRET: undefined, AUTH_JWT_PUBLIC_KEY: rsa.privatePem },
      'AUTH_JWT_PUBLIC_KEY: this is a private or secret key; give the public one',
    ],
    [
      'a JWKS in the clear',
      { ...JWKS, AUTH_JWKS_URL: 'http://login.example' },
      'AUTH_JWKS_URL: must be an https URL, or http on loopback, without user and password',
    ],
    [
      'a JWKS without an issuer',
      { ...JWKS, AUTH_ISSUER: undefined },
      'AUTH_ISSUER: is required with a JWKS URL',
    ],
    [
      'a JWKS without an audience',
      { ...JWKS, AUTH_AUDIENCE: undefined },
      'AUTH_AUDIENCE: is required with AUTH_ISSUER alone and with a JWKS URL',
    ],
    [
      'an audience with a gap',
      { AUTH_AUDIENCE: 'a,,b' },
      'AUTH_AUDIENCE: must be a list of values, separated by commas',
    ],
  ])('are refused by their own names: %s', (_name, variables, message) => {
    const lines = refusal(variables);
    expect(lines).toEqual([expect.stringContaining(`${message} (for example`)]);
  });
});

describe('AUTH_PROVIDER', () => {
  const preset = { AUTH_JWT_SECRET: undefined, AUTH_PROVIDER: 'auth0:films.eu.auth0.com' };

  it('says which audience it needs, and where the console shows it', () => {
    expect(refusal(preset)).toEqual([
      'AUTH_AUDIENCE: is required: the identifier of your API (Auth0 dashboard, Applications, APIs)',
    ]);
  });

  it('may have spaces around its audiences', () => {
    const preset = 'auth0:films.eu.auth0.com, films-api , other-api';
    const { auth } = load({ AUTH_JWT_SECRET: undefined, AUTH_PROVIDER: preset });
    expect(auth.providers).toMatchObject([{ audience: ['films-api', 'other-api'] }]);
  });

  it('has its values replaced by the variables beside it', () => {
    const [provider] = load({
      ...preset,
      AUTH_AUDIENCE: 'films',
      AUTH_JWKS_URL: 'http://localhost:8081/jwks',
      AUTH_JWT_SECRET: SECRET,
      AUTH_ISSUER: 'https://login.films.example/',
      AUTH_AUDIENCE_CLAIM: 'azp',
      AUTH_AUDIENCE_OPTIONAL: 'true',
      AUTH_USER_CLAIM: '/app_metadata/uid',
      AUTH_USER_CLAIM_NUMERIC: 'true',
      AUTH_ALGORITHMS: 'ES256,HS512',
    }).auth.providers;
    const iss = 'https://login.films.example/';
    expect(provider).toMatchObject({
      issuers: [{ iss, canonical: iss }],
      audienceClaim: 'azp',
      audienceOptional: true,
      userClaim: '/app_metadata/uid',
      userClaimNumeric: true,
      keys: [
        { kind: 'jwks', url: 'http://localhost:8081/jwks', algorithms: ['ES256'] },
        { kind: 'secret', algorithms: ['HS512'] },
      ],
    });
  });

  it('is no entry of its own beside a file of providers', () => {
    const both = { ...preset, AUTH_PROVIDERS_FILE: 'providers.json' };
    expect(refusal(both)[0]).toContain('AUTH_PROVIDERS_FILE and AUTH_PROVIDER are set');
  });

  it('that is none, or no claim that names an app, is named with what would be right', () => {
    expect(refusal({ ...preset, AUTH_PROVIDER: 'auth0:films.eu.auth0.com:8443' })).toEqual([
      expect.stringContaining('AUTH_PROVIDER: must be of the form auth0:DOMAIN'),
    ]);
    expect(refusal({ ...preset, AUTH_AUDIENCE: 'films', AUTH_AUDIENCE_CLAIM: 'sub' })).toEqual([
      expect.stringContaining('AUTH_AUDIENCE_CLAIM: must be one of aud, client_id, azp'),
    ]);
  });

  it('is not needed where AUTH_ISSUER has a discovery document', () => {
    const issuer = { AUTH_JWT_SECRET: undefined, AUTH_ISSUER: 'https://login.example' };
    const { auth } = load({ ...issuer, AUTH_AUDIENCE: 'films' });
    expect(auth.providers).toMatchObject([{ keys: [{ kind: 'discovery' }] }]);
    expect(refusal(issuer)[0]).toContain('AUTH_AUDIENCE: is required');
  });
});

describe('AUTH_PROVIDERS_FILE', () => {
  const A = { issuer: 'https://a.example', secret: SECRET, userPrefix: 'a|' };
  const B = { issuer: 'https://b.example', secret: OTHER, userPrefix: 'b|' };
  const C = { issuer: 'https://c.example', publicKeyFile: 'c.pem', userPrefix: 'c|' };
  const variables = { AUTH_JWT_SECRET: undefined, AUTH_PROVIDERS_FILE: 'providers.json' };
  const withText = (text: string, files: Files = {}) =>
    refusal(variables, { ...files, 'providers.json': text });
  const withList = (...list: object[]) => withText(JSON.stringify(list));

  it('lists providers, with secrets and keys in files of their own', () => {
    const files = {
      'providers.json': JSON.stringify([A, { ...B, secret: undefined, secretFile: 'b' }, C]),
      b: `${OTHER}\n`,
      'c.pem': rsa.publicPem,
    };
    const [a, b, c] = load(variables, files).auth.providers;
    const issuers = [{ iss: A.issuer, canonical: A.issuer }];
    expect(a).toMatchObject({ issuers, userPrefix: 'a|', keys: [{ kind: 'secret' }] });
    const secret = Buffer.from(OTHER);
    expect(b?.keys).toEqual([{ kind: 'secret', algorithms: ['HS256'], secret }]);
    expect(c?.keys).toMatchObject([{ kind: 'publicKey' }]);
  });

  it('may list one provider, without a prefix', () => {
    const files = { 'providers.json': JSON.stringify([{ issuer: 'a', secret: SECRET }]) };
    expect(load(variables, files).auth.providers).toMatchObject([
      { issuers: [{ iss: 'a' }], userPrefix: '' },
    ]);
  });

  it('may give the same empty prefix to all, if that is meant', () => {
    const list = [A, B].map((each) => ({ ...each, userPrefix: '' }));
    const files = { 'providers.json': JSON.stringify(list) };
    expect(load(variables, files).auth.providers).toHaveLength(2);
  });

  it.each([
    ['is not there', undefined],
    ['is no JSON', '[{'],
    ['names a secret that is not there', '[{"issuer":"a","secretFile":"no"}]'],
    ['names a key that is not there', '[{"issuer":"a","publicKeyFile":{"no":1}}]'],
  ])('is refused when it %s', (_name, text) => {
    const lines = refusal(variables, text === undefined ? {} : { 'providers.json': text });
    expect(lines).toEqual([
      expect.stringMatching(/^AUTH_PROVIDERS_FILE: .*(path of a readable file|is not JSON)/),
    ]);
  });

  it.each(['{}', 'null', '"x"', '[]', '[null]', '["x"]', '[[]]', '[{}]'])(
    'is refused when it says %s',
    (text) => {
      for (const line of withText(text)) expect(line).toMatch(/^AUTH_PROVIDERS_FILE: (must |\[)/);
    },
  );

  it('names the entry and the field that is wrong, and all of them', () => {
    const lines = withList(
      { ...A, secret: 'short' },
      { ...B, algorithms: ['RS256'] },
      { issuer: 'd', jwksUrl: 'http://d.example', audience: 'd', userPrefix: 'd|' },
    );
    expect(lines).toEqual([
      'AUTH_PROVIDERS_FILE: [0.secret] must be at least 32 bytes long',
      'AUTH_PROVIDERS_FILE: [1.algorithms] must be HS256, HS384 or HS512 with a shared secret',
      'AUTH_PROVIDERS_FILE: [2.jwksUrl] must be an https URL, or http on loopback, without user and password',
    ]);
  });

  it('names the entry and the key whose file cannot be read', () => {
    const lines = withList(
      { ...A, secret: undefined, secretFile: 'no' },
      { ...B, secret: undefined, secretFile: 'no' },
      { issuer: 'c', keys: [{ secret: OTHER }, { publicKeyFile: 'no' }], userPrefix: 'c|' },
    );
    expect(lines).toEqual(
      ['[0]', '[1]', '[2.keys.1]'].map((place, index) =>
        expect.stringMatching(
          `^AUTH_PROVIDERS_FILE: \\${place} ${index === 2 ? 'publicKey' : 'secret'}File must be the path`,
        ),
      ),
    );
  });

  it('is refused for an entry without an issuer, as nothing would bind its key', () => {
    const lines = withList({ secret: SECRET });
    expect(lines).toEqual([expect.stringContaining('[0] issuer is required: it binds the key')]);
  });

  it('is refused for two of one issuer', () => {
    const lines = withList(A, { ...B, issuer: A.issuer });
    expect(lines).toEqual([expect.stringContaining('[1] has the issuer of [0]')]);
  });

  it('is refused when one of several has no prefix of its own', () => {
    const lines = withList(A, { issuer: B.issuer, secret: OTHER });
    expect(lines).toContainEqual(expect.stringContaining('[1] userPrefix is required'));
  });

  it.each([
    ['one begins with the other', 'a', 'ab'],
    ['the other way round', 'ab', 'a'],
    ['one is empty', '', 'a'],
  ])('is refused for prefixes that let users collide: %s', (_name, first, second) => {
    const lines = withList({ ...A, userPrefix: first }, { ...B, userPrefix: second });
    expect(lines).toEqual([
      expect.stringContaining('[1] userPrefix and another one overlap: user ids could collide'),
    ]);
  });

  it.each([
    ['AUTH_ISSUER', 'https://a.example'],
    ['AUTH_AUDIENCE', 'video'],
    ['AUTH_ALGORITHMS', 'HS256'],
    ['AUTH_USER_CLAIM', 'email'],
    ['AUTH_CLOCK_TOLERANCE_SECONDS', '5'],
  ])('is not mixed with a variable that it would leave unread: %s', (name, value) => {
    const files = { 'providers.json': JSON.stringify([A, B]) };
    expect(refusal({ ...variables, [name]: value }, files)).toEqual([
      `${name}: is not read with AUTH_PROVIDERS_FILE: set it in the entries of the file`,
    ]);
  });

  it.each([
    ['a secret and a file of it', { ...A, secretFile: 'b' }, 'secretFile'],
    ['a secret and the file of a key', { ...A, publicKeyFile: 'c.pem' }, 'publicKey'],
    ['a key and a file of it', { ...C, publicKey: rsa.publicPem }, 'publicKeyFile'],
  ])('is refused for an entry with %s', (_name, entry, field) => {
    const files = { b: OTHER, 'c.pem': rsa.publicPem };
    const [line = ''] = withText(JSON.stringify([entry]), files);
    expect(line).toContain(field);
    expect(line).not.toContain(SECRET);
  });

  it('is refused for an entry with two files, as they are two keys', () => {
    const files = { b: OTHER, 'c.pem': rsa.publicPem };
    const entry = { ...C, secretFile: 'b' };
    expect(withText(JSON.stringify([entry]), files)).toEqual([
      'AUTH_PROVIDERS_FILE: [0.secret] give exactly one of secret, publicKey, jwksFile and jwksUrl',
    ]);
  });

  it('is refused for a field that we do not know', () => {
    const [line] = withList({ ...A, audiance: 'video' });
    expect(line).toContain('audiance');
  });
});
