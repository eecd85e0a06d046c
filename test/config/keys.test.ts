import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createVerifier } from '../../src/auth/verifier.ts';
import { NOW } from '../support/clock.ts';
import { CLAIMS, compact, hmac, signer } from '../support/compact.ts';
import { type Files, load, refusal, type Variables } from '../support/environment.ts';
import { newKeys } from '../support/keys.ts';

const SECRET = Buffer.from('a secret of at least 32 bytes, yes, with \u00e9');
const OLD = Buffer.from('the secret before, also 32 bytes or more');
const EVENTS = { cache() {}, verified() {}, jwksFetched() {}, clockCompared() {} };
const rsa = newKeys('RS256', 'rsa');
const rsa2 = newKeys('RS256', 'rsa2');
const ec = newKeys('ES256', 'ec');
const ed = newKeys('EdDSA', 'ed');
const NO_SECRET = { AUTH_JWT_SECRET: undefined };
const set = (...keys: unknown[]) => JSON.stringify({ keys });

/** Whether a configuration takes a JWT. */
async function takes(token: string, variables: Variables, files: Files = {}): Promise<boolean> {
  const { providers } = load(variables, files).auth;
  const verifier = await createVerifier(providers, EVENTS);
  const taken = await Promise.resolve(verifier.verify(token, NOW)).then(
    () => true,
    () => false,
  );
  verifier.close();
  return taken;
}

const bySecret = (secret: Buffer, bits: 256 | 384 | 512 = 256) =>
  compact({ alg: `HS${bits}` }, CLAIMS, hmac(secret, bits));
const by = ({ privateKey }: typeof rsa, alg: string, kid?: string, more: object = {}) =>
  compact({ alg, ...(kid && { kid }) }, { ...CLAIMS, ...more }, signer(privateKey, alg));
const oct = (more: object = {}) =>
  JSON.stringify({ kty: 'oct', k: SECRET.toString('base64url'), ...more });

describe('a shared secret', () => {
  const random = Buffer.concat([Buffer.from([0xff, 0xfe, 0]), randomBytes(31), Buffer.from('\n')]);

  it.each<[string, Variables, Files, Buffer]>([
    ['text', { AUTH_JWT_SECRET: SECRET.toString() }, {}, SECRET],
    [
      'text by its name',
      { AUTH_JWT_SECRET: SECRET.toString(), AUTH_JWT_SECRET_ENCODING: 'text' },
      {},
      SECRET,
    ],
    ...(['base64', 'base64url', 'hex'] as const).map(
      (encoding): [string, Variables, Files, Buffer] => [
        encoding,
        { AUTH_JWT_SECRET: SECRET.toString(encoding), AUTH_JWT_SECRET_ENCODING: encoding },
        {},
        SECRET,
      ],
    ),
    [
      'hex in capitals',
      { AUTH_JWT_SECRET: SECRET.toString('hex').toUpperCase(), AUTH_JWT_SECRET_ENCODING: 'hex' },
      {},
      SECRET,
    ],
    [
      'base64url with padding',
      {
        AUTH_JWT_SECRET: `${random.subarray(1, 33).toString('base64url')}=`,
        AUTH_JWT_SECRET_ENCODING: 'base64url',
      },
      {},
      random.subarray(1, 33),
    ],
    [
      'base64 in a file with a last line end',
      { ...NO_SECRET, AUTH_JWT_SECRET_FILE: 'f', AUTH_JWT_SECRET_ENCODING: 'base64' },
      { f: Buffer.from(`${SECRET.toString('base64')}\n`) },
      SECRET,
    ],
    [
      'the bytes of a file, its last line end among them',
      { ...NO_SECRET, AUTH_JWT_SECRET_FILE: 'f', AUTH_JWT_SECRET_ENCODING: 'binary' },
      { f: random },
      random,
    ],
    ['an oct JWK', { AUTH_JWT_SECRET: oct() }, {}, SECRET],
    [
      'an oct JWK that says what it is for',
      { AUTH_JWT_SECRET: oct({ alg: 'HS256', use: 'sig', key_ops: ['sign', 'verify'], kid: 'k' }) },
      {},
      SECRET,
    ],
  ])('may be %s', async (_form, variables, files, secret) => {
    expect(await takes(bySecret(secret), variables, files)).toBe(true);
    expect(await takes(bySecret(OLD), variables, files)).toBe(false);
  });

  it('that is an oct JWK has the algorithm that it names, and no other', async () => {
    const variables = { AUTH_JWT_SECRET: oct({ alg: 'HS512' }) };
    expect(await takes(bySecret(SECRET, 512), variables)).toBe(true);
    expect(await takes(bySecret(SECRET), variables)).toBe(false);
    expect(refusal({ ...variables, AUTH_ALGORITHMS: 'HS256' })).toEqual([
      'AUTH_ALGORITHMS: must have HS512, the alg of the JWK',
    ]);
  });

  const long = 'A'.repeat(44);
  it.each<[string, string, string, RegExp]>([
    [
      'base64',
      'no base64',
      'not base64 at all!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!',
      /must be base64 /,
    ],
    ['base64', 'base64 with a line end inside', `${long}\n${long}`, /must be base64 /],
    ['base64', 'base64 with a space', `${long} ${long}`, /must be base64 /],
    ['base64', 'base64 without its padding', `${long}AA`, /must be base64 /],
    ['base64', 'base64 with bits left over', `${long}AB==`, /must be base64 /],
    ['base64', 'padding in the middle', `AA==${long}`, /must be base64 /],
    ['base64', 'base64url', `${'-_-_'.repeat(11)}`, /it is base64url/],
    ['base64url', 'base64', `${'+/+/'.repeat(11)}`, /it is base64/],
    ['base64url', 'a wrong padding', `${long}AA=`, /must be base64url/],
    ['base64url', 'one character too many', `${long}A`, /must be base64url/],
    ['base64url', 'bits left over', `${long}AB`, /must be base64url/],
    ['hex', 'an odd number of digits', `${'ab'.repeat(32)}a`, /must be pairs of hex digits/],
    ['hex', '0x', `0x${'ab'.repeat(32)}`, /must be pairs of hex digits/],
    ['hex', 'a letter that is no digit', `${'ab'.repeat(32)}gg`, /must be pairs of hex digits/],
    ['hex', 'colons', Array(33).fill('ab').join(':'), /must be pairs of hex digits/],
    ['base64', '31 bytes', randomBytes(31).toString('base64'), /at least 32 bytes long, decoded/],
    ['base64url', '31 bytes', randomBytes(31).toString('base64url'), /at least 32 bytes/],
    ['hex', '31 bytes', randomBytes(31).toString('hex'), /at least 32 bytes long, decoded/],
    [
      'base64',
      'a public key',
      rsa.publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
      /is a key, not/,
    ],
    [
      'hex',
      'a public key',
      rsa.publicKey.export({ format: 'der', type: 'spki' }).toString('hex'),
      /is a key, not/,
    ],
    [
      'hex',
      'a public key of PKCS #1',
      rsa.publicKey.export({ format: 'der', type: 'pkcs1' }).toString('hex'),
      /is a key, not/,
    ],
    ['base64', 'a PEM', Buffer.from(rsa.publicPem).toString('base64'), /is a key, not/],
    ['binary', 'no file', SECRET.toString(), /is read from a file: set AUTH_JWT_SECRET_FILE/],
    ['text', '31 bytes', 'x'.repeat(31), /at least 32 bytes long \(for example/],
    [
      'text',
      'an oct JWK of 31 bytes',
      JSON.stringify({ kty: 'oct', k: randomBytes(31).toString('base64url') }),
      /at least 32 bytes/,
    ],
    ['text', 'an oct JWK without k', '{"kty":"oct"}', /must have the member k/],
    [
      'text',
      'an oct JWK whose k is no base64url',
      `{"kty":"oct","k":"${'+'.repeat(44)}"}`,
      /its k must be base64url/,
    ],
    [
      'text',
      'an oct JWK for encryption',
      oct({ use: 'enc' }),
      /is a JWK that is not for signatures/,
    ],
    [
      'text',
      'an oct JWK for wrapping',
      oct({ key_ops: ['wrapKey'] }),
      /is a JWK that is not for signatures/,
    ],
    ['text', 'an oct JWK of another algorithm', oct({ alg: 'A256KW' }), /is a JWK whose alg/],
    ['text', 'a public JWK', JSON.stringify(rsa.publicJwk), /is a key, not/],
    ['text', 'a key set', set(JSON.parse(oct())), /is a key, not/],
  ])('as %s is refused when it is %s', (encoding, _what, text, message) => {
    const [line, ...more] = refusal({ AUTH_JWT_SECRET: text, AUTH_JWT_SECRET_ENCODING: encoding });
    expect(line).toMatch(/^AUTH_JWT_SECRET: /);
    expect(line).toMatch(message);
    expect(more).toEqual([]);
    expect(line).not.toContain(text.slice(0, 40));
  });

  it.each<[string, Buffer]>([
    ['random bytes', Buffer.from([...Buffer.from('x'.repeat(40)), 0xff, 0xfe])],
    ['UTF-16', Buffer.from('\ufeffa secret of at least 32 bytes, yes', 'utf16le')],
    ['UTF-16 without a mark', Buffer.from('a secret of at least 32 bytes, yes', 'utf16le')],
    ['Latin-1', Buffer.from('a secret of at least 32 bytes, \u00e9\u00e9', 'latin1')],
  ])('in a file of %s is refused where text is read', (_what, bytes) => {
    const lines = refusal({ ...NO_SECRET, AUTH_JWT_SECRET_FILE: 'f' }, { f: bytes });
    expect(lines).toEqual([expect.stringMatching(/^AUTH_JWT_SECRET_FILE: .*not text in UTF-8/)]);
    expect(lines[0]).toContain('AUTH_JWT_SECRET_ENCODING=binary');
    const other = { ADMIN_API_KEY_FILE: 'f' };
    expect(refusal(other, { f: bytes })[0]).toContain('not text in UTF-8');
  });

  it('with a replacement character is refused: other bytes would be the same secret', () => {
    const [line] = refusal({ AUTH_JWT_SECRET: `${SECRET}\ufffd` });
    expect(line).toContain('AUTH_JWT_SECRET: is not UTF-8');
  });

  it('of no encoding that we know is refused', () => {
    expect(refusal({ AUTH_JWT_SECRET_ENCODING: 'base32' })[0]).toMatch(
      /^AUTH_JWT_SECRET_ENCODING: must be one of text, base64, base64url, hex, binary/,
    );
  });
});

describe('a key of before', () => {
  it.each<[string, Variables, Files, string[], string[]]>([
    [
      'a secret',
      { AUTH_JWT_SECRET: SECRET.toString(), AUTH_JWT_SECRET_PREVIOUS: OLD.toString() },
      {},
      [bySecret(SECRET), bySecret(OLD)],
      [bySecret(Buffer.alloc(40, 1)), bySecret(OLD, 512)],
    ],
    [
      'a secret in an encoding, from files',
      {
        ...NO_SECRET,
        AUTH_JWT_SECRET_FILE: 'new',
        AUTH_JWT_SECRET_PREVIOUS_FILE: 'old',
        AUTH_JWT_SECRET_ENCODING: 'hex',
      },
      { new: SECRET.toString('hex'), old: OLD.toString('hex') },
      [bySecret(SECRET), bySecret(OLD)],
      [],
    ],
    [
      'a secret in bytes',
      {
        ...NO_SECRET,
        AUTH_JWT_SECRET_FILE: 'new',
        AUTH_JWT_SECRET_PREVIOUS_FILE: 'old',
        AUTH_JWT_SECRET_ENCODING: 'binary',
      },
      { new: SECRET, old: OLD },
      [bySecret(SECRET), bySecret(OLD)],
      [],
    ],
    [
      'a public key',
      {
        ...NO_SECRET,
        AUTH_JWT_PUBLIC_KEY: rsa.publicPem,
        AUTH_JWT_PUBLIC_KEY_PREVIOUS: rsa2.publicPem,
      },
      {},
      [by(rsa, 'RS256'), by(rsa2, 'RS256'), by(rsa2, 'RS256', 'any')],
      [by(newKeys('RS256'), 'RS256')],
    ],
    [
      'a public key of another type',
      {
        ...NO_SECRET,
        AUTH_JWT_PUBLIC_KEY: ec.publicPem,
        AUTH_JWT_PUBLIC_KEY_PREVIOUS: rsa.publicPem,
      },
      {},
      [by(ec, 'ES256'), by(rsa, 'RS256')],
      [by(rsa, 'PS256')],
    ],
    [
      'a public key of another type, with both algorithms listed',
      {
        ...NO_SECRET,
        AUTH_JWT_PUBLIC_KEY: ec.publicPem,
        AUTH_JWT_PUBLIC_KEY_PREVIOUS: rsa.publicPem,
        AUTH_ALGORITHMS: 'ES256,PS256',
      },
      {},
      [by(ec, 'ES256'), by(rsa, 'PS256')],
      [by(rsa, 'RS256')],
    ],
  ])('is taken beside the present one: %s', async (_what, variables, files, good, bad) => {
    for (const token of good) expect(await takes(token, variables, files)).toBe(true);
    for (const token of bad) expect(await takes(token, variables, files)).toBe(false);
  });

  it('is refused alone', () => {
    const variables = { AUTH_JWT_SECRET_PREVIOUS: OLD.toString(), AUTH_JWT_SECRET: undefined };
    const url = {
      AUTH_JWKS_URL: 'https://login.example/jwks',
      AUTH_ISSUER: 'us',
      AUTH_AUDIENCE: 'a',
    };
    expect(refusal({ ...variables, ...url })).toEqual([
      'AUTH_JWT_SECRET_PREVIOUS: is for a key beside it: set the present one too',
    ]);
  });

  it('is refused by its own name when it is wrong', () => {
    expect(refusal({ AUTH_JWT_SECRET_PREVIOUS: 'short' })).toEqual([
      expect.stringMatching(/^AUTH_JWT_SECRET_PREVIOUS: must be at least 32 bytes long/),
    ]);
    const publicKey = { ...NO_SECRET, AUTH_JWT_PUBLIC_KEY: rsa.publicPem };
    expect(refusal({ ...publicKey, AUTH_JWT_PUBLIC_KEY_PREVIOUS: rsa2.privatePem })).toEqual([
      expect.stringMatching(/^AUTH_JWT_PUBLIC_KEY_PREVIOUS: this is a private or secret key/),
    ]);
    expect(refusal({ ...publicKey, AUTH_JWT_PUBLIC_KEY_PREVIOUS: './old.pem' })).toEqual([
      expect.stringMatching(
        /AUTH_JWT_PUBLIC_KEY_PREVIOUS: is a path.*AUTH_JWT_PUBLIC_KEY_PREVIOUS_FILE/,
      ),
    ]);
  });
});

describe('a key set in a file', () => {
  const variables = { ...NO_SECRET, AUTH_JWKS_FILE: 'keys.json' };

  it('verifies as a fetched one does: by kid, or with each key that fits', async () => {
    const files = { 'keys.json': set(rsa.publicJwk, rsa2.publicJwk, ed.publicJwk) };
    for (const token of [by(rsa, 'RS256', 'rsa'), by(rsa2, 'RS256'), by(ed, 'EdDSA', 'ed')]) {
      expect(await takes(token, variables, files)).toBe(true);
    }
    for (const token of [by(rsa, 'RS256', 'rsa2'), by(rsa, 'RS256', 'x'), by(ec, 'ES256')]) {
      expect(await takes(token, variables, files)).toBe(false);
    }
  });

  it('skips entries that nobody can use', async () => {
    const files = {
      'keys.json': set(null, { kid: 'x' }, { kty: 'EC', crv: 'P-999' }, rsa.publicJwk),
    };
    expect(await takes(by(rsa, 'RS256', 'rsa'), variables, files)).toBe(true);
  });

  it.each<[string, string | undefined, RegExp]>([
    ['no file', undefined, /must be the path of a readable file/],
    ['no JSON', 'keys', /must hold a key set/],
    ['a list', '[]', /must hold a key set/],
    ['an empty file', '', /must hold a key set/],
    ['a single key', JSON.stringify(rsa.publicJwk), /must hold a key set/],
    ['no key', set(), /has no key for RS256, PS256, ES256, EdDSA, Ed25519$/],
    ['bad keys alone', set({ kid: 'x' }), /has no key for .*: keys\[0\]: no kty/],
    ['a private key', set(rsa.publicJwk, ec.privateJwk), /has keys\[1\]: a private key/],
    ['a symmetric key', set(rsa.publicJwk, JSON.parse(oct())), /has keys\[1\]: a symmetric key/],
  ])('is refused at the start with %s', (_what, text, message) => {
    const [line, ...more] = refusal(variables, text === undefined ? {} : { 'keys.json': text });
    expect(line).toMatch(/^AUTH_JWKS_FILE: /);
    expect(line).toMatch(message);
    expect(more).toEqual([]);
  });

  it('lets a key with an issuer sign for that issuer alone', async () => {
    const files = { 'keys.json': set({ ...rsa.publicJwk, issuer: 'https://a.example' }) };
    const of = (iss?: string) => by(rsa, 'RS256', 'rsa', { iss });
    expect(await takes(of('https://a.example'), variables, files)).toBe(true);
    expect(await takes(of('https://b.example'), variables, files)).toBe(false);
    expect(await takes(of(), variables, files)).toBe(false);
  });

  it('replaces the key set of a preset', async () => {
    const preset = { ...variables, AUTH_PROVIDER: 'firebase:films-prod' };
    const claims = { iss: 'https://securetoken.google.com/films-prod', aud: 'films-prod' };
    const files = { 'keys.json': set(rsa.publicJwk) };
    const [key, ...more] = load(preset, files).auth.providers[0]?.keys ?? [];
    expect([key?.kind, key?.algorithms, more]).toEqual(['keySet', ['RS256'], []]);
    expect(await takes(by(rsa, 'RS256', 'rsa', claims), preset, files)).toBe(true);
  });
});

describe('the providers file', () => {
  const FILE = { ...NO_SECRET, AUTH_PROVIDERS_FILE: 'p.json' };
  const entries = (entry: object) => JSON.stringify([{ issuer: 'us', userPrefix: '', ...entry }]);
  const ours = { iss: 'us' };
  const signed = (secret: Buffer) =>
    compact({ alg: 'HS256' }, { ...CLAIMS, ...ours }, hmac(secret));
  const bytes = randomBytes(40);

  it.each<[string, object, Files, string[]]>([
    [
      'several keys for one algorithm',
      {
        keys: [
          { secret: SECRET.toString() },
          { secretFile: 'f', secretEncoding: 'binary' },
          { secret: OLD.toString('hex'), secretEncoding: 'hex' },
          { publicKey: rsa.publicPem },
          { jwksFile: 'set' },
        ],
      },
      { f: bytes, set: set(rsa2.publicJwk) },
      [
        signed(SECRET),
        signed(bytes),
        signed(OLD),
        by(rsa, 'RS256', undefined, ours),
        by(rsa2, 'RS256', 'rsa2', ours),
      ],
    ],
    [
      'keys of before',
      { secretFile: 'f', secretEncoding: 'binary', secretPreviousFile: 'g' },
      { f: bytes, g: OLD },
      [signed(bytes), signed(OLD)],
    ],
    [
      'a key set',
      { jwksFile: 'set' },
      { set: set(rsa.publicJwk) },
      [by(rsa, 'RS256', 'rsa', ours)],
    ],
    [
      'tokens that are bound to a key',
      { secret: SECRET.toString(), senderConstrained: 'ignore' },
      {},
      [compact({ alg: 'HS256' }, { ...CLAIMS, ...ours, cnf: { jkt: 'x' } }, hmac(SECRET))],
    ],
  ])('may have %s', async (_what, entry, files, tokens) => {
    for (const token of tokens) {
      expect(await takes(token, FILE, { ...files, 'p.json': entries(entry) })).toBe(true);
    }
    const stranger = signed(Buffer.alloc(40, 7));
    expect(await takes(stranger, FILE, { ...files, 'p.json': entries(entry) })).toBe(false);
  });

  it.each<[string, object, RegExp]>([
    [
      'binary without a file',
      { secret: SECRET.toString(), secretEncoding: 'binary' },
      /give secretFile/,
    ],
    [
      'an encoding that is none',
      { secret: SECRET.toString(), secretEncoding: 'b64' },
      /secretEncoding/,
    ],
    [
      'two keys in one entry',
      { keys: [{ secret: SECRET.toString(), publicKey: rsa.publicPem }] },
      /must have one of/,
    ],
    [
      'a misspelt switch',
      { secret: SECRET.toString(), senderConstrained: 'off' },
      /senderConstrained/,
    ],
    [
      'required claims that are a list',
      { secret: SECRET.toString(), requiredClaims: ['a'] },
      /requiredClaims/,
    ],
    [
      'a required claim that is an object',
      { secret: SECRET.toString(), requiredClaims: { a: {} } },
      /requiredClaims/,
    ],
  ])('is refused with %s', (_what, entry, message) => {
    expect(refusal(FILE, { 'p.json': entries(entry) }).join('\n')).toMatch(message);
  });
});

it('a certificate in bytes is no shared secret', () => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const der = publicKey.export({ format: 'der', type: 'spki' });
  expect(createPublicKey({ key: der, format: 'der', type: 'spki' }).type).toBe('public');
  const variables = { ...NO_SECRET, AUTH_JWT_SECRET_FILE: 'f', AUTH_JWT_SECRET_ENCODING: 'binary' };
  expect(refusal(variables, { f: der })).toEqual([
    expect.stringMatching(/^AUTH_JWT_SECRET_FILE: .*is a key, not a shared secret/),
  ]);
});
