import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { errors, type JWTVerifyResult, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { verifyHmac } from '../../src/auth/signature.ts';
import { NOW } from '../support/clock.ts';
import { CLAIMS, compact, hmac } from '../support/compact.ts';
import { thrownBy } from '../support/errors.ts';
import { JWT_SECRET } from '../support/jwt.ts';

const OPTIONS = {
  algorithms: ['HS256', 'HS512'],
  issuer: 'us',
  audience: ['films'],
  clockTolerance: 5,
  currentDate: new Date(NOW * 1000),
};

/** Mostly the good value, so that a token is often wrong in one thing alone. */
function mostly<T>(good: T, ...others: unknown[]) {
  return fc.oneof({ weight: 8, arbitrary: fc.constant<unknown>(good) }, fc.constantFrom(...others));
}

const time = (good: number) => mostly(good, NOW - 6, NOW - 5, NOW + 5, NOW + 6, '1', null, -1, 0.5);
const header = fc.record({
  alg: mostly('HS256', 'HS384', 'HS512', 'none', 'hs256', 'RS256', 'constructor', 256, ['HS256']),
  typ: mostly('JWT', undefined, 'x'),
  crit: mostly(undefined, ['exp'], [], 'b64', null),
  b64: mostly(undefined, true, false),
});
const claims = fc.record({
  sub: mostly('alice', 7),
  iss: mostly('us', 'them', ['us'], undefined),
  aud: mostly('films', 'songs', ['songs', 'films'], [], {}, undefined),
  exp: time(NOW + 600),
  nbf: time(NOW),
  iat: time(NOW),
});
const jwt = fc
  .record({
    header: mostly(undefined, '{}', 'null', '[]', 'no JSON', Buffer.from([0xff])),
    fields: header,
    payload: mostly(undefined, '{}', 'null', '"text"', 'no JSON', Buffer.from([0xff])),
    claims,
    secret: mostly(JWT_SECRET, 'another-secret-of-more-than-32-bytes', ''),
    bits: mostly(256, 384, 512),
  })
  .map((parts) => {
    const sign = hmac(parts.secret as string, parts.bits as 256);
    const given = parts as { header?: string; payload?: string };
    return compact(given.header ?? parts.fields, given.payload ?? parts.claims, sign);
  });

async function outcome(verify: () => JWTVerifyResult | Promise<JWTVerifyResult>) {
  try {
    const { payload, protectedHeader } = await verify();
    return { payload, protectedHeader };
  } catch (error) {
    return error instanceof errors.JWTExpired ? 'expired' : 'refused';
  }
}

describe('a JWT of a shared secret', () => {
  it('is taken when jose takes it, and says the same', async () => {
    let taken = 0;
    const key = createSecretKey(Buffer.from(JWT_SECRET));
    await fc.assert(
      fc.asyncProperty(jwt, async (token) => {
        const expected = await outcome(() => jwtVerify(token, Buffer.from(JWT_SECRET), OPTIONS));
        const ours = await outcome(() => verifyHmac(token, key, OPTIONS));
        if (typeof expected !== 'string') taken++;
        expect(ours).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  it.each([
    ['none', ''],
    ['a shorter one', Buffer.alloc(31).toString('base64url')],
    ['a longer one', Buffer.alloc(33).toString('base64url')],
    ['another', Buffer.alloc(32).toString('base64url')],
  ])('is refused for its signature when that is %s', (_, signature) => {
    const good = compact({ alg: 'HS256' }, CLAIMS, hmac(JWT_SECRET));
    const token = good.replace(/[^.]*$/, signature);
    const key = createSecretKey(Buffer.from(JWT_SECRET));
    const error = thrownBy(() => verifyHmac(token, key, OPTIONS));
    expect(error).toBeInstanceOf(errors.JWSSignatureVerificationFailed);
  });

  it.each(['HS384', 'none', 'RS256', undefined])(
    'is refused for its algorithm when that is %s',
    (alg) => {
      const key = createSecretKey(Buffer.from(JWT_SECRET));
      const token = compact({ alg }, CLAIMS, hmac(JWT_SECRET));
      const error = thrownBy(() => verifyHmac(token, key, OPTIONS));
      expect(error).toBeInstanceOf(errors.JOSEAlgNotAllowed);
    },
  );

  it('is refused for any extension that it calls critical, known to jose or not', () => {
    const key = createSecretKey(Buffer.from(JWT_SECRET));
    const header = { alg: 'HS256', crit: ['b64'], b64: true };
    const error = thrownBy(() =>
      verifyHmac(compact(header, CLAIMS, hmac(JWT_SECRET)), key, OPTIONS),
    );
    expect(error).toBeInstanceOf(errors.JOSENotSupported);
  });

  it('is refused when any character of it is another', async () => {
    const key = createSecretKey(Buffer.from(JWT_SECRET));
    const good = compact(
      { alg: 'HS256' },
      { ...CLAIMS, iss: 'us', aud: 'films' },
      hmac(JWT_SECRET),
    );
    expect(verifyHmac(good, key, OPTIONS).payload.sub).toBe('alice');
    for (let at = 0; at < good.length; at++) {
      if (good[at] === '.') continue;
      const other = good[at] === 'A' ? 'Q' : 'A';
      const token = `${good.slice(0, at)}${other}${good.slice(at + 1)}`;
      expect(await outcome(() => verifyHmac(token, key, OPTIONS))).toBe('refused');
    }
  });
});
