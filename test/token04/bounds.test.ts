import { describe, expect, it } from 'vitest';
import { createGeneratorWith } from '../../src/token04/generate.ts';
import {
  createGenerator,
  decode,
  type GenerateInput,
  type GeneratorOptions,
  MAX_PLAINTEXT_BYTES,
  parseSecret,
  type Token04ErrorCode,
} from '../../src/token04/index.ts';
import { thrownBy } from '../support/errors.ts';
import { SECRET } from '../support/tokens.ts';

const INPUT = { userId: 'u', payload: 'p', createdAt: 1_700_000_000, expireAt: 1_700_000_060 };

const EMPTY_PLAINTEXT =
  '{"app_id":1,"user_id":"u","ctime":1700000000,"expire":1700000060,"nonce":2147483647,"payload":""}';

function make(input: Partial<GenerateInput>, options: Partial<GeneratorOptions> = {}): string {
  return createGenerator({ appId: 1, secret: SECRET, ...options })({ ...INPUT, ...input });
}

function expectRefusal(code: Token04ErrorCode, work: () => unknown): void {
  expect(thrownBy(work)).toMatchObject({
    name: 'Token04Error',
    code,
    message: expect.stringMatching(/\.$/),
  });
}

describe.each(['cbc', 'gcm'] as const)('the bounds of a token in %s mode', (mode) => {
  it.each([1, 4_294_967_295])('AppID %d is accepted', (appId) => {
    expect(decode(make({}, { mode, appId }), { secrets: [SECRET], appId }).claims.appId).toBe(
      appId,
    );
  });

  it.each([
    ['0', 0],
    ['one more than a uint32', 4_294_967_296],
    ['negative', -1],
    ['a fraction', 1.5],
    ['NaN', Number.NaN],
    ['infinite', Number.POSITIVE_INFINITY],
    ['a string', '1' as unknown as number],
  ])('an AppID that is %s is refused before any token is made', (_name, appId) => {
    expectRefusal('app_id_invalid', () => createGenerator({ appId, secret: SECRET, mode }));
  });

  it.each([
    ['1 byte', 'u'],
    ['64 bytes', 'u'.repeat(64)],
    ['64 bytes in two-byte letters', 'é'.repeat(32)],
    ['64 bytes in emoji', '🎬'.repeat(16)],
  ])('a user id of %s is accepted', (_name, userId) => {
    expect(decode(make({ userId }, { mode }), { secrets: [SECRET] }).claims.userId).toBe(userId);
  });

  it.each([
    ['of no bytes', ''],
    ['of 65 bytes', 'u'.repeat(65)],
    ['of 65 bytes in two-byte letters', `${'é'.repeat(32)}u`],
    ['of 66 bytes in three-byte characters', '电'.repeat(22)],
    ['with a lone surrogate', 'u\ud800'],
    ['that is no string', 5 as unknown as string],
  ])('a user id %s is refused', (_name, userId) => {
    expectRefusal('user_id_invalid', () => make({ userId }, { mode }));
  });

  it.each([1, 60, 2_073_600])('a lifetime of %d s is accepted', (lifetime) => {
    const expireAt = INPUT.createdAt + lifetime;
    const { claims } = decode(make({ expireAt }, { mode }), { secrets: [SECRET] });
    expect(claims.expireAt - claims.createdAt).toBe(lifetime);
  });

  it.each([0, -1, 2_073_601, 0.5, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'a lifetime of %d s is refused',
    (lifetime) => {
      expectRefusal('lifetime_invalid', () =>
        make({ expireAt: INPUT.createdAt + lifetime }, { mode }),
      );
    },
  );

  it('the largest safe integer is an expiry, and comes back exactly', () => {
    const expireAt = Number.MAX_SAFE_INTEGER;
    const token = make({ createdAt: expireAt - 1, expireAt }, { mode });
    expect(decode(token, { secrets: [SECRET] }).claims.expireAt).toBe(expireAt);
  });

  it('an expiry that is no safe integer is refused', () => {
    const createdAt = Number.MAX_SAFE_INTEGER;
    expectRefusal('lifetime_invalid', () => make({ createdAt, expireAt: createdAt + 1 }, { mode }));
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])('a creation time of %d is refused', (createdAt) => {
    expectRefusal('created_at_invalid', () => make({ createdAt }, { mode }));
  });

  it('the beginning of Unix time is a creation time', () => {
    expect(make({ createdAt: 0, expireAt: 1 }, { mode })).toMatch(/^04/);
  });

  it.each([
    ['ASCII', 'x', 1],
    ['three-byte characters', '电', 3],
  ])(
    'a plaintext of exactly 65,519 bytes in %s is accepted and one more refused',
    (_name, character, size) => {
      const generate = createGeneratorWith({ appId: 1, secret: SECRET, mode }, (bytes) =>
        Buffer.alloc(bytes, 0xff),
      );
      const room = MAX_PLAINTEXT_BYTES - Buffer.byteLength(EMPTY_PLAINTEXT);
      const payload = character.repeat(Math.floor(room / size)) + 'x'.repeat(room % size);
      const token = generate({ ...INPUT, payload });
      expect(decode(token, { secrets: [SECRET] }).claims.payload === payload).toBe(true);
      expectRefusal('payload_too_large', () => generate({ ...INPUT, payload: `${payload}x` }));
    },
  );

  it.each([
    ['an object', { room_id: 'r' }],
    ['missing', undefined],
    ['a text with a lone surrogate', '\udc00'],
  ])('a payload that is %s is refused', (_name, payload) => {
    expectRefusal('payload_invalid', () => make({ payload: payload as string }, { mode }));
  });

  it('an empty payload is accepted', () => {
    expect(decode(make({ payload: '' }, { mode }), { secrets: [SECRET] }).claims.payload).toBe('');
  });
});

describe('a ServerSecret', () => {
  it('is its 32 bytes as they stand, even when they look like hexadecimal', () => {
    const secret = '0123456789abcdef0123456789abcdef';
    expect(parseSecret(secret)).toEqual(Buffer.from(secret, 'latin1'));
  });

  it('may be 32 bytes in fewer characters', () => {
    expect(parseSecret('é'.repeat(16))).toHaveLength(32);
  });

  it.each([
    ['empty', ''],
    ['31 bytes', 's'.repeat(31)],
    ['33 bytes', 's'.repeat(33)],
    ['32 characters but 64 bytes', 'é'.repeat(32)],
    ['64 characters that are not all hexadecimal', `${'a'.repeat(63)}g`],
  ])('is refused when it is %s', (_name, secret) => {
    expectRefusal('secret_invalid', () => createGenerator({ appId: 1, secret }));
    expectRefusal('secret_invalid', () => decode('04', { secrets: [secret] }));
  });

  it.each(['0123456789abcdef'.repeat(4), '0123456789ABCDEF'.repeat(4)])(
    'that is an AppSign is called one: %s',
    (secret) => {
      const error = thrownBy(() => createGenerator({ appId: 1, secret }));
      expect(error).toMatchObject({ code: 'secret_is_app_sign' });
      expect(String(error)).toContain('This looks like an AppSign');
      expect(String(error)).not.toContain(secret);
    },
  );
});
