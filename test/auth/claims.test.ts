import { describe, expect, it } from 'vitest';
import { NOW } from '../support/clock.ts';
import { CLAIMS, compact, hmac, type Part } from '../support/compact.ts';
import { JWT_SECRET } from '../support/jwt.ts';
import { expectRefused, openVerifier } from '../support/verifier.ts';

const sign = (payload: Part) => compact({ alg: 'HS256' }, payload, hmac(JWT_SECRET));
const withClaims = (claims: object) => sign({ ...CLAIMS, ...claims });
const open = (more: object = {}) => openVerifier({ secret: JWT_SECRET, ...more });

/** The claims as JSON text, with a value that JSON.stringify would not write. */
function withRaw(name: string, text: string): string {
  const { [name as 'exp']: _, ...rest } = CLAIMS;
  return sign(`${JSON.stringify(rest).slice(0, -1)},"${name}":${text}}`);
}

describe('exp', () => {
  it.each([
    ['missing', undefined],
    ['null', null],
    ['a text', String(NOW + 600)],
    ['a date', '2033-05-18T03:33:20Z'],
    ['true', true],
    ['a list', [NOW + 600]],
    ['a fraction', NOW + 600.5],
    ['past every safe integer', 1e300],
    ['past 53 bits', 2 ** 53],
    ['in milliseconds', (NOW + 600) * 1000],
    ['a second after the year 9999', 253_402_300_800],
  ])('that is %s is refused', async (_name, exp) => {
    await expectRefused(await open(), withClaims({ exp }));
  });

  it('may be the last second of the year 9999', async () => {
    const { verify } = await open();
    const exp = 253_402_300_799;
    expect(await verify(withClaims({ exp }), NOW)).toMatchObject({ expiresAt: exp });
  });

  it('that JSON reads as infinite is refused', async () => {
    await expectRefused(await open(), withRaw('exp', '1e400'));
  });

  it('is over at its very second, whatever the tolerance', async () => {
    const verifier = await open({ clockToleranceSeconds: 60 });
    const { verify } = verifier;
    expect(await verify(withClaims({ exp: NOW + 1 }), NOW)).toMatchObject({ expiresAt: NOW + 1 });
    for (const exp of [NOW, NOW - 1, NOW - 60, NOW - 61, 0, -1]) {
      await expectRefused(verifier, withClaims({ exp }), 'credential_expired');
    }
  });

  it('in the past does not make a wrong signature an expired credential', async () => {
    const expired = { ...CLAIMS, exp: NOW - 100 };
    const forged = compact({ alg: 'HS256' }, expired, hmac('x'.repeat(32)));
    await expectRefused(await open(), forged, 'credential_invalid');
  });
});

describe('nbf and iat', () => {
  it.each(['nbf', 'iat'])('%s may be ahead by the tolerance and no more', async (claim) => {
    const verifier = await open();
    const { verify } = verifier;
    expect(await verify(withClaims({ [claim]: NOW + 5 }), NOW)).toBeTruthy();
    await expectRefused(verifier, withClaims({ [claim]: NOW + 6 }));
    await expectRefused(verifier, withClaims({ [claim]: 1e300 }));
    await expectRefused(await open({ clockToleranceSeconds: 0 }), withClaims({ [claim]: NOW + 1 }));
  });

  it.each(['nbf', 'iat'])('%s must be a number', async (claim) => {
    const verifier = await open();
    for (const value of ['now', String(NOW), null, {}, [NOW], true]) {
      await expectRefused(verifier, withClaims({ [claim]: value }));
    }
    await expectRefused(verifier, withRaw(claim, '1e400'));
  });

  it.each(['nbf', 'iat'])('%s may be left out', async (claim) => {
    const { verify } = await open();
    expect(await verify(withClaims({ [claim]: undefined }), NOW)).toBeTruthy();
  });
});

describe('aud', () => {
  it.each([
    ['ours', 'video'],
    ['a list with ours', ['other', 'video']],
    ['another one that is ours', 'films'],
  ])('that is %s is accepted', async (_name, aud) => {
    const { verify } = await open({ audience: ['video', 'films'] });
    expect(await verify(withClaims({ aud }), NOW)).toMatchObject({ userId: 'alice' });
  });

  it.each([
    ['missing', undefined],
    ['null', null],
    ["another's", 'other'],
    ['an object', { video: true }],
    ['an empty list', []],
    ['a list in a list', [['video']]],
    ['a part of ours', 'vid'],
    ['ours in capitals', 'VIDEO'],
    ['two in one text', 'video films'],
  ])('that is %s is refused', async (_name, aud) => {
    await expectRefused(await open({ audience: ['video', 'films'] }), withClaims({ aud }));
    await expectRefused(await open({ audience: 'video' }), withClaims({ aud }));
  });
});

describe('iss', () => {
  it('must be ours where one is set', async () => {
    const verifier = await open({ issuer: 'https://login.example' });
    const { verify } = verifier;
    const iss = 'https://login.example';
    expect(await verify(withClaims({ iss }), NOW)).toMatchObject({ issuer: iss });
    const wrong = [undefined, null, 'https://login.example/', '', [iss], { iss }, 'evil'];
    for (const value of wrong) await expectRefused(verifier, withClaims({ iss: value }));
  });

  it('must be a text where none is set', async () => {
    const verifier = await open();
    for (const iss of [['us'], {}, 1, null]) await expectRefused(verifier, withClaims({ iss }));
  });
});

describe('the user claim', () => {
  it.each([
    ['missing', undefined],
    ['null', null],
    ['a number', 123],
    ['true', true],
    ['an object', { id: 'alice' }],
    ['a list', ['alice']],
    ['empty', ''],
    ['with a NUL', 'ali\0ce'],
    ['with a line end', 'alice\n'],
    ['with a control character of Latin-1', 'ali\u0085ce'],
    ['65 bytes long', 'a'.repeat(65)],
    ['33 letters in 66 bytes', 'é'.repeat(33)],
  ])('that is %s is refused', async (_name, sub) => {
    await expectRefused(await open(), withClaims({ sub }));
  });

  it('with a lone surrogate is refused', async () => {
    await expectRefused(await open(), withRaw('sub', '"ali\\ud800ce"'));
  });

  it.each([
    ['one byte', 'a'],
    ['64 bytes', 'a'.repeat(64)],
    ['64 bytes of emoji', '🎬'.repeat(16)],
  ])('of %s is the user', async (_name, sub) => {
    const { verify } = await open();
    expect(await verify(withClaims({ sub }), NOW)).toMatchObject({ userId: sub });
  });

  it('may have another name', async () => {
    const verifier = await open({ userClaim: 'https://example.com/user' });
    const token = withClaims({ 'https://example.com/user': 'bob' });
    expect(await verifier.verify(token, NOW)).toMatchObject({ userId: 'bob' });
    await expectRefused(verifier, withClaims({}));
  });

  it.each(['__proto__', 'constructor', 'toString'])('is never inherited: %s', async (userClaim) => {
    await expectRefused(await open({ userClaim }), withClaims({}));
  });

  it('comes from the payload itself and not from its __proto__', async () => {
    const { exp } = CLAIMS;
    await expectRefused(await open(), sign(`{"exp":${exp},"__proto__":{"sub":"mallory"}}`));
    expect(Object.prototype).not.toHaveProperty('sub');
  });

  it('that appears twice is read once, the last one winning', async () => {
    const { verify } = await open();
    const token = sign(`{"sub":"mallory","exp":${CLAIMS.exp},"sub":"alice"}`);
    expect(await verify(token, NOW)).toMatchObject({ userId: 'alice' });
  });

  it('may be 64 bytes with the prefix of its provider and no more', async () => {
    const verifier = await open({ userPrefix: 'idp|' });
    const { verify } = verifier;
    const longest = 'a'.repeat(60);
    expect(await verify(withClaims({ sub: longest }), NOW)).toMatchObject({
      userId: `idp|${longest}`,
    });
    await expectRefused(verifier, withClaims({ sub: `${longest}a` }));
    await expectRefused(verifier, withClaims({ sub: '' }));
  });
});
