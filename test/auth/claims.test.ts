import { describe, expect, it } from 'vitest';
import { refuse } from '../../src/auth/claims.ts';
import { NOW } from '../support/clock.ts';
import { CLAIMS, compact, hmac, type Part } from '../support/compact.ts';
import { JWT_SECRET } from '../support/jwt.ts';
import { expectReason, expectRefused, openVerifier } from '../support/verifier.ts';

const sign = (payload: Part) => compact({ alg: 'HS256' }, payload, hmac(JWT_SECRET));
const withClaims = (claims: object) => sign({ ...CLAIMS, ...claims });
const open = (more: object = {}) => openVerifier({ secret: JWT_SECRET, ...more });

/** The claims as JSON text, with a value that JSON.stringify would not write. */
function withRaw(name: string, text: string): string {
  const { [name as 'exp']: _, ...rest } = CLAIMS;
  return sign(`${JSON.stringify(rest).slice(0, -1)},"${name}":${text}}`);
}

it.each([
  ['null', 'null'],
  ['[]', 'a list'],
  ['"alice"', '5 bytes'],
  ['7', 'a number'],
])('claims that are %s are refused', async (text, received) => {
  const reason = { code: 'claims', expected: 'a JSON object', received };
  await expectReason(await open(), sign(text), reason);
});

it('a refusal says no more than it knows', () => {
  expect(refuse('inactive').extras.reason).toStrictEqual({ code: 'inactive' });
  expect(refuse('claims', 'JSON').extras.reason).toStrictEqual({
    code: 'claims',
    expected: 'JSON',
  });
});

describe('exp', () => {
  it.each([
    ['missing', undefined, 'claim_exp_missing', 'missing'],
    ['null', null, 'claim_exp_type', 'null'],
    ['a text', String(NOW + 600), 'claim_exp_type', 'a string'],
    ['a date', '2033-05-18T03:33:20Z', 'claim_exp_type', 'a string'],
    ['true', true, 'claim_exp_type', 'a boolean'],
    ['a list', [NOW + 600], 'claim_exp_type', 'a list'],
    ['past every safe integer', 1e300, 'claim_exp', '1e+300'],
    ['past 53 bits', 2 ** 53, 'claim_exp', String(2 ** 53)],
    ['in milliseconds', (NOW + 600) * 1000, 'claim_exp', String((NOW + 600) * 1000)],
    ['a second after the year 9999', 253_402_300_800, 'claim_exp', '253402300800'],
  ])('that is %s is refused', async (_name, exp, code, received) => {
    const verifier = await open();
    await expectRefused(verifier, withClaims({ exp }));
    await expectReason(verifier, withClaims({ exp }), { code, expected: 'Unix seconds', received });
  });

  it.each([
    ['600.5', NOW + 600, undefined],
    ['1.999999', NOW + 1, undefined],
    ['0.999999', NOW, 'credential_expired'],
    ['-0.000001', NOW - 1, 'credential_expired'],
  ])('loses its fraction: in %s s', async (seconds, floored, code) => {
    const verifier = await open();
    const token = withClaims({ exp: NOW + Number(seconds) });
    if (code) await expectRefused(verifier, token, code);
    else expect(await verifier.verify(token, NOW)).toMatchObject({ expiresAt: floored });
  });

  it('may be the last second of the year 9999', async () => {
    const { verify } = await open();
    const exp = 253_402_300_799;
    expect(await verify(withClaims({ exp }), NOW)).toMatchObject({ expiresAt: exp });
  });

  it('that JSON reads as infinite is refused', async () => {
    const reason = { code: 'claim_exp_type', expected: 'Unix seconds', received: 'a number' };
    await expectReason(await open(), withRaw('exp', '1e400'), reason);
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
    const reason = { code: `claim_${claim}`, expected: `at most ${NOW + 5}` };
    const late = { ...reason, received: String(NOW + 6) };
    await expectReason(verifier, withClaims({ [claim]: NOW + 6 }), late);
    await expectReason(verifier, withClaims({ [claim]: 1e300 }), { ...reason, received: '1e+300' });
    await expectRefused(await open({ clockToleranceSeconds: 0 }), withClaims({ [claim]: NOW + 1 }));
  });

  it.each(['nbf', 'iat'])('%s must be a number', async (claim) => {
    const verifier = await open();
    for (const value of ['now', String(NOW), null, {}, [NOW], true]) {
      const reason = { code: `claim_${claim}_type`, expected: 'Unix seconds' };
      await expectReason(verifier, withClaims({ [claim]: value }), reason);
    }
    await expectReason(verifier, withRaw(claim, '1e400'), { code: `claim_${claim}` });
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
    ['missing', undefined, 'missing'],
    ['null', null, 'null'],
    ["another's", 'other', 'other'],
    ['an object', { video: true }, 'an object'],
    ['an empty list', [], ''],
    ['a list in a list', [['video']], 'a list'],
    ['a part of ours', 'vid', 'vid'],
    ['ours in capitals', 'VIDEO', 'VIDEO'],
    ['two in one text', 'video films', 'video films'],
  ])('that is %s is refused', async (_name, aud, received) => {
    const token = withClaims({ aud });
    const code = 'claim_aud';
    const either = await open({ audience: ['video', 'films'] });
    await expectReason(either, token, { code, expected: 'video or films', received });
    const one = await open({ audience: 'video' });
    await expectReason(one, token, { code, expected: 'video', received });
  });

  it('is one text where another claim names the app', async () => {
    const rules = { issuer: 'us', audience: 'films', audienceClaim: 'azp' };
    const verifier = await open(rules);
    const claims = { iss: 'us', azp: 'films' };
    expect(await verifier.verify(withClaims(claims), NOW)).toMatchObject({ userId: 'alice' });
    const token = withClaims({ ...claims, azp: ['films'] });
    await expectReason(verifier, token, { code: 'claim_azp', received: 'a list' });
  });

  it('of a thousand names is told to the log in 200 characters', async () => {
    const aud = Array.from({ length: 1_000 }, (_, i) => `${i}`);
    const reason = { code: 'claim_aud', received: expect.stringMatching(/^0, 1, .{194}$/) };
    await expectReason(await open({ audience: 'video' }), withClaims({ aud }), reason);
  });
});

describe('iss', () => {
  it('must be ours where one is set', async () => {
    const verifier = await open({ issuer: 'https://login.example' });
    const { verify } = verifier;
    const iss = 'https://login.example';
    expect(await verify(withClaims({ iss }), NOW)).toMatchObject({ issuer: iss });
    const wrong = [undefined, null, 'https://login.example/', '', [iss], { iss }, 'evil'];
    for (const value of wrong) {
      const isText = value === undefined || typeof value === 'string';
      await expectReason(verifier, withClaims({ iss: value }), {
        code: isText ? 'claim_iss' : 'claim_iss_type',
        expected: isText ? iss : 'a string',
        received:
          typeof value === 'string' ? value : expect.stringMatching(/^(missing|null|an? .*)$/),
      });
    }
  });

  it('of a thousand letters is told to the log in 200', async () => {
    const verifier = await open({ issuer: 'https://login.example' });
    const received = 'a'.repeat(200);
    const token = withClaims({ iss: 'a'.repeat(1_000) });
    await expectReason(verifier, token, { code: 'claim_iss', received });
  });

  it('must be a text where none is set', async () => {
    const verifier = await open();
    for (const iss of [['us'], {}, 1, null]) {
      await expectReason(verifier, withClaims({ iss }), { code: 'claim_iss_type' });
    }
  });
});

describe('the user claim', () => {
  it.each([
    ['missing', undefined, 'claim_sub_missing', 'missing'],
    ['null', null, 'claim_sub_type', 'null'],
    ['a number', 123, 'claim_sub_type', 'a number'],
    ['true', true, 'claim_sub_type', 'a boolean'],
    ['an object', { id: 'alice' }, 'claim_sub_type', 'an object'],
    ['a list', ['alice'], 'claim_sub_type', 'a list'],
    ['empty', '', 'claim_sub', '0 bytes'],
    ['with a NUL', 'ali\0ce', 'claim_sub', '6 bytes'],
    ['with a line end', 'alice\n', 'claim_sub', '6 bytes'],
    ['with a control character of Latin-1', 'ali\u0085ce', 'claim_sub', '7 bytes'],
    ['65 bytes long', 'a'.repeat(65), 'claim_sub', '65 bytes'],
    ['33 letters in 66 bytes', 'é'.repeat(33), 'claim_sub', '66 bytes'],
  ])(
    'that is %s is refused, and the log has its kind alone',
    async (_name, sub, code, received) => {
      const reason = { code, expected: expect.any(String), received };
      await expectReason(await open(), withClaims({ sub }), reason);
    },
  );

  it('that is missing or no text is told to the log with its name', async () => {
    const verifier = await open({ userClaim: 'uid' });
    const missing = {
      code: 'claim_uid_missing',
      expected: 'a user id in uid',
      received: 'missing',
    };
    await expectReason(verifier, withClaims({}), missing);
    const wrong = { code: 'claim_uid_type', expected: 'a string', received: 'a number' };
    await expectReason(verifier, withClaims({ uid: 7 }), wrong);
  });

  it('may be a number of its own from 1 on', async () => {
    const verifier = await open({ userClaimNumeric: true });
    expect(await verifier.verify(withClaims({ sub: 1 }), NOW)).toMatchObject({ userId: '1' });
    expect(await verifier.verify(withClaims({ sub: 'jo' }), NOW)).toMatchObject({ userId: 'jo' });
    await expectReason(verifier, withClaims({ sub: 0 }), { code: 'claim_sub_type' });
  });

  it.each([
    ['/a/b', { a: { b: 'jo' } }],
    ['/a~1b/c~0d', { 'a/b': { 'c~d': 'jo' } }],
    ['/~01', { '~1': 'jo' }],
    ['https://films.example/', { 'https://films.example/': 'jo' }],
  ])('may be at %s', async (userClaim, claims) => {
    const { verify } = await open({ userClaim });
    expect(await verify(withClaims(claims), NOW)).toMatchObject({ userId: 'jo' });
  });

  it.each([null, 'b', 7, ['jo'], [{ b: 'jo' }], {}])(
    'is missing where its path leads through %j',
    async (a) => {
      const verifier = await open({ userClaim: '/a/b' });
      await expectReason(verifier, withClaims({ a }), { code: 'claim_user_missing' });
    },
  );

  it('is no part of a text', async () => {
    const verifier = await open({ userClaim: '/a/0' });
    await expectReason(verifier, withClaims({ a: 'jo' }), { code: 'claim_user_missing' });
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

describe('a numeric user id', () => {
  it.each([
    ['9007199254740991', '9007199254740991'],
    ['1', '1'],
    ['12.0', '12'],
    ['1e3', '1000'],
  ])('that JSON writes as %s is %s', async (text, userId) => {
    const { verify } = await open({ userClaimNumeric: true });
    expect(await verify(withRaw('sub', text), NOW)).toMatchObject({ userId });
  });

  it.each([
    '9007199254740992',
    '9007199254740993',
    '123456789012345678901',
    '1e300',
    '1e400',
    '-1e17',
  ])('beyond 2^53 says that it must be sent as text: %s', async (text) => {
    for (const userClaimNumeric of [true, false]) {
      await expectReason(await open({ userClaimNumeric }), withRaw('sub', text), {
        code: 'claim_sub_type',
        expected: expect.stringContaining('a larger one must be sent as text'),
        received: 'a larger number',
      });
    }
  });
});
