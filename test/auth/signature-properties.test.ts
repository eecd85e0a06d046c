import { constants, createSecretKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { errors, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { verifySignature } from '../../src/auth/signature.ts';
import type { Verifier } from '../../src/auth/verifier.ts';
import { NOW } from '../support/clock.ts';
import { CLAIMS, compact, hmac, type Signer, signer } from '../support/compact.ts';
import { JWT_SECRET } from '../support/jwt.ts';
import { newKeys } from '../support/keys.ts';
import { expectReason, openVerifier } from '../support/verifier.ts';

const OURS = { issuer: 'us', audience: ['films'] };
const TOLERANCE = 5;
const GOOD_CLAIMS = { ...CLAIMS, nbf: NOW, iss: 'us', aud: 'films' };

/** One family: its algorithms, how its key and a stranger's sign, and how often it is tried. */
type Family = {
  algorithms: string[];
  key: KeyObject;
  field: object;
  sign(alg: string): Signer;
  forge(alg: string): Signer;
  runs: number;
};

const rsa = newKeys('RS256');
const otherRsa = newKeys('RS256');

function publicKey(algorithms: string[], ours: ReturnType<typeof newKeys>, theirs: typeof ours) {
  return {
    algorithms,
    key: ours.publicKey,
    field: { publicKey: ours.publicPem },
    sign: (alg: string) => signer(ours.privateKey, alg),
    forge: (alg: string) => signer(theirs.privateKey, alg),
    runs: 150,
  };
}

const bitsOf = (alg: string) => Number(alg.slice(2)) as 256;
const FAMILIES: Record<string, Family> = {
  HMAC: {
    algorithms: ['HS256', 'HS384', 'HS512'],
    key: createSecretKey(Buffer.from(JWT_SECRET)),
    field: { secret: JWT_SECRET },
    sign: (alg) => hmac(JWT_SECRET, bitsOf(alg)),
    forge: (alg) => hmac('another-secret-of-more-than-32-bytes', bitsOf(alg)),
    runs: 2_000,
  },
  RSA: publicKey(['RS256', 'RS384', 'RS512'], rsa, otherRsa),
  'RSA-PSS': publicKey(['PS256', 'PS384', 'PS512'], rsa, otherRsa),
  'ECDSA on P-256': publicKey(['ES256'], newKeys('ES256'), newKeys('ES256')),
  'ECDSA on P-384': publicKey(['ES384'], newKeys('ES384'), newKeys('ES384')),
  'ECDSA on P-521': publicKey(['ES512'], newKeys('ES512'), newKeys('ES512')),
  Ed25519: publicKey(['EdDSA', 'Ed25519'], newKeys('EdDSA'), newKeys('EdDSA')),
};
const NAMES = Object.keys(FAMILIES);

function family(name: string): Family {
  return FAMILIES[name] as Family;
}

/** Mostly the good value, so that a token is often wrong in one thing alone. */
function mostly<T>(good: T, ...others: unknown[]) {
  return fc.oneof({ weight: 8, arbitrary: fc.constant<unknown>(good) }, fc.constantFrom(...others));
}

const time = (good: number) => mostly(good, NOW - 6, NOW - 5, NOW + 5, NOW + 6, '1', null, -1);
const NOT_OBJECTS = ['{}', 'null', '[]', 'no JSON', Buffer.from([0xff])];

/** Tokens that are good or, mostly, wrong in one thing. */
function jwtOf({ algorithms, sign, forge }: Family) {
  const [first = '', second = 'HS256'] = algorithms;
  return fc
    .record({
      alg: mostly(first, second, 'none', first.toLowerCase(), 'HS256', 'RS256', 'ES256', 'x', 256),
      typ: mostly('JWT', undefined, 'x'),
      crit: mostly(undefined, ['exp'], [], 'b64', null),
      rawHeader: mostly(undefined, ...NOT_OBJECTS),
      rawClaims: mostly(undefined, ...NOT_OBJECTS),
      claims: fc.record({
        sub: mostly('alice', 7),
        iss: mostly('us', 'them', ['us'], undefined),
        aud: mostly('films', 'songs', ['songs', 'films'], [], {}, undefined),
        exp: time(NOW + 600),
        nbf: time(NOW),
        iat: time(NOW),
      }),
      signedAs: mostly(first, ...algorithms),
      forged: mostly(false, true),
    })
    .map(({ rawHeader, rawClaims, alg, typ, crit, claims, signedAs, forged }) => {
      const header = (rawHeader as string | undefined) ?? { alg, typ, crit };
      const makeSigner = forged ? forge : sign;
      const payload = (rawClaims as string | undefined) ?? claims;
      return compact(header, payload, makeSigner(signedAs as string));
    });
}

/** What jose makes of a token, with the rules of ours that it does not have: crit, iat, the kinds of exp and sub. */
async function joseOutcome(token: string, { key, algorithms }: Family): Promise<string> {
  const options = { ...OURS, algorithms, clockTolerance: TOLERANCE };
  try {
    const { payload, protectedHeader } = await jwtVerify(token, key, {
      ...options,
      requiredClaims: ['exp'],
      currentDate: new Date(NOW * 1000),
    });
    const { exp = 0, iat = NOW, sub } = payload;
    if ('crit' in protectedHeader || iat > NOW + TOLERANCE) return 'credential_invalid';
    if (exp <= NOW) return 'credential_expired';
    return typeof sub === 'string' ? sub : 'credential_invalid';
  } catch (error) {
    return error instanceof errors.JWTExpired ? 'credential_expired' : 'credential_invalid';
  }
}

async function ourOutcome(token: string, { verify }: Pick<Verifier, 'verify'>): Promise<string> {
  try {
    return (await verify(token, NOW)).userId;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function open({ field, algorithms }: Family) {
  return openVerifier({ ...field, ...OURS, algorithms, clockToleranceSeconds: TOLERANCE });
}

/** jose looks at the times in another order. */
const sameOutcome = (ours: string, theirs: string) =>
  ours === theirs || (theirs === 'credential_expired' && ours === 'credential_invalid');

describe('a JWT', () => {
  it.each(NAMES)('of %s is taken when jose takes it, for the same user', async (name) => {
    const keys = family(name);
    const verifier = await open(keys);
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(jwtOf(keys), async (token) => {
        const theirs = await joseOutcome(token, keys);
        const ours = await ourOutcome(token, verifier);
        if (theirs === 'alice') taken++;
        expect({ ours, same: sameOutcome(ours, theirs) }).toEqual({ ours, same: true });
      }),
      { numRuns: keys.runs },
    );
    expect(taken).toBeGreaterThan(keys.runs / 20);
  });

  it.each(NAMES)('of %s is taken under each of its algorithms', async (name) => {
    const keys = family(name);
    const verifier = await open(keys);
    for (const alg of keys.algorithms) {
      const token = compact({ alg }, GOOD_CLAIMS, keys.sign(alg));
      expect(await verifier.verify(token, NOW)).toMatchObject({ userId: 'alice' });
    }
  });

  it.each(NAMES)('of %s is refused when any character of it is another', async (name) => {
    const keys = family(name);
    const verifier = await open(keys);
    const [alg = ''] = keys.algorithms;
    const good = compact({ alg }, GOOD_CLAIMS, keys.sign(alg));
    for (let at = 0; at < good.length; at++) {
      if (good[at] === '.') continue;
      const other = good[at] === 'A' ? 'Q' : 'A';
      const token = `${good.slice(0, at)}${other}${good.slice(at + 1)}`;
      expect(await ourOutcome(token, verifier)).toBe('credential_invalid');
    }
  });
});

describe('a signature', () => {
  it.each(NAMES)('of %s is refused when it is shorter, longer, empty or zeros', async (name) => {
    const keys = family(name);
    const verifier = await open(keys);
    const [alg = ''] = keys.algorithms;
    const sign = keys.sign(alg);
    const wrong: Signer[] = [
      (input) => sign(input).subarray(1),
      (input) => sign(input).subarray(0, -1),
      (input) => Buffer.concat([sign(input), Buffer.alloc(1)]),
      (input) => Buffer.concat([Buffer.alloc(1), sign(input)]),
      (input) => Buffer.concat([sign(input), sign(input)]),
      (input) => Buffer.alloc(sign(input).length),
      (input) => Buffer.alloc(sign(input).length, 0xff),
    ];
    for (const signWrongly of wrong) {
      const token = compact({ alg }, GOOD_CLAIMS, signWrongly);
      await expectReason(verifier, token, { code: 'signature' });
    }
    const none = compact({ alg }, GOOD_CLAIMS, () => Buffer.alloc(0));
    await expectReason(verifier, none, { code: 'not_jwt' });
  });

  it.each(['PS256', 'RS256'] as const)(
    'of %s is refused without its zero in front',
    async (alg) => {
      const { privateKey, publicPem } = newKeys(alg);
      const verifier = await openVerifier({ publicKey: publicPem, algorithms: [alg] });
      // One of 256 begins with a zero.
      for (let n = 0, isFound = false; !isFound; n++) {
        let signature: Buffer = Buffer.alloc(0);
        const claims = { ...CLAIMS, n };
        const good = compact({ alg }, claims, (input) => {
          signature = signer(privateKey, alg)(input);
          return signature;
        });
        isFound = signature[0] === 0;
        if (!isFound) continue;
        const [header, payload] = good.split('.');
        const short = [header, payload, signature.subarray(1).toString('base64url')].join('.');
        await expectReason(verifier, short, { code: 'signature' });
        expect(await verifier.verify(good, NOW)).toMatchObject({ userId: 'alice' });
      }
    },
  );

  it('of ECDSA is refused in DER, the form of other protocols', async () => {
    const { privateKey, publicPem } = newKeys('ES256');
    const verifier = await openVerifier({ publicKey: publicPem });
    const der: Signer = (input) => sign('sha256', Buffer.from(input), privateKey);
    await expectReason(verifier, compact({ alg: 'ES256' }, CLAIMS, der), { code: 'signature' });
  });

  it('of Ed25519 is refused with its scalar beyond the order, a second text of the same', async () => {
    const { privateKey, publicPem } = newKeys('EdDSA');
    const verifier = await openVerifier({ publicKey: publicPem });
    const signIt = signer(privateKey, 'EdDSA');
    const token = compact({ alg: 'EdDSA' }, CLAIMS, (input) => addOrder(signIt(input)));
    await expectReason(verifier, token, { code: 'signature' });
  });

  it.each(NAMES)('of %s is none under the key of another type', (name) => {
    const { algorithms, sign } = family(name);
    for (const other of NAMES) {
      const { key } = family(other);
      if (key === family(name).key) continue;
      for (const alg of algorithms) {
        expect(verifySignature(alg, key, 'input', sign(alg)('input'))).toBe(false);
      }
    }
  });

  it.each([
    ['RSA of 1,024 bits', generateKeyPairSync('rsa', { modulusLength: 1024 }), 'RS256'],
    ['RSA of 1,024 bits for PSS', generateKeyPairSync('rsa', { modulusLength: 1024 }), 'PS256'],
    ['EC on secp256k1', generateKeyPairSync('ec', { namedCurve: 'secp256k1' }), 'ES256'],
    ['EC on P-384 as ES256', generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'ES256'],
    ['EC on P-256 as ES512', generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ES512'],
  ])('by %s is refused, though it is right', (_name, { privateKey, publicKey }, alg) => {
    const signature = signer(privateKey, alg)('input');
    expect(verifySignature(alg, publicKey, 'input', signature)).toBe(false);
  });

  it('of PSS is refused with a salt of another length than the hash', async () => {
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    const salted = (saltLength: number) =>
      sign('sha256', Buffer.from('input'), { key: rsa.privateKey, padding, saltLength });
    expect(verifySignature('PS256', rsa.publicKey, 'input', salted(32))).toBe(true);
    for (const length of [0, 20, 64]) {
      expect(verifySignature('PS256', rsa.publicKey, 'input', salted(length))).toBe(false);
    }
  });

  it('by an algorithm that is none is false under any key', () => {
    for (const alg of ['none', '', 'hs256', '__proto__', 'constructor', 'HS1', 'RS1']) {
      for (const name of NAMES) {
        const { key } = family(name);
        expect(verifySignature(alg, key, 'input', Buffer.alloc(0)), `${alg} ${name}`).toBe(false);
      }
    }
  });
});

/** The order of the base point of Ed25519 (RFC 8032 section 5.1), added to the scalar of a signature. */
function addOrder(signature: Buffer): Buffer {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const scalar = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`);
  const bytes = Buffer.from((scalar + order).toString(16).padStart(64, '0'), 'hex').reverse();
  return Buffer.concat([signature.subarray(0, 32), bytes]);
}
