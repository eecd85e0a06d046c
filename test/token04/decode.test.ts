import { describe, expect, it } from 'vitest';
import { createGeneratorWith } from '../../src/token04/generate.ts';
import {
  createGenerator,
  type Decoded,
  type DecodeOptions,
  decode,
  type Token04ErrorCode,
} from '../../src/token04/index.ts';
import { thrownBy } from '../support/errors.ts';
import { envelope, handmadeToken, SECRET } from '../support/tokens.ts';

const OTHER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF';
const EXPIRE = 1_700_003_600;
const INPUT = {
  userId: 'User_123',
  payload: '{}',
  createdAt: 1_700_000_000,
  expireAt: EXPIRE,
};
const FIELDS = {
  app_id: 1,
  user_id: 'User_123',
  ctime: 1_700_000_000,
  expire: EXPIRE,
  nonce: 5,
  payload: '{}',
};

function read(token: string, options: Partial<DecodeOptions> = {}): Decoded {
  return decode(token, { secrets: [SECRET], ...options });
}

function refusal(token: string, options: Partial<DecodeOptions> = {}): unknown {
  return thrownBy(() => read(token, options));
}

function withFields(fields: Record<string, unknown>): string {
  return handmadeToken(JSON.stringify({ ...FIELDS, ...fields }), EXPIRE);
}

function changed(token: string, change: (bytes: Buffer) => void): string {
  const bytes = Buffer.from(token.slice(2), 'base64');
  change(bytes);
  return `04${bytes.toString('base64')}`;
}

describe.each(['cbc', 'gcm'] as const)('decode in %s mode', (mode) => {
  const token = createGenerator({ appId: 1, secret: SECRET, mode })(INPUT);

  it('tells the mode and which secret opened the token', () => {
    expect(read(token)).toMatchObject({ mode, secretIndex: 0 });
    expect(read(token, { secrets: [OTHER, SECRET] })).toMatchObject({ mode, secretIndex: 1 });
  });

  it('without a secret, or with those of other projects, opens nothing', () => {
    const code = 'wrong_secret';
    expect(refusal(token, { secrets: [] })).toMatchObject({ code });
    // Any two bytes can look like the beginning of JSON: not with these keys and this token.
    const random = (size: number) => Buffer.alloc(size, 7);
    const fixed = createGeneratorWith({ appId: 1, secret: SECRET, mode }, random)(INPUT);
    expect(refusal(fixed, { secrets: [OTHER] })).toMatchObject({ code });
    expect(
      refusal(fixed, { secrets: [OTHER, OTHER.toLowerCase().replace('a', 'b')] }),
    ).toMatchObject({ code });
  });

  it('calls a token tampered when its last ciphertext byte was changed', () => {
    const damaged = changed(token, (bytes) => {
      const at = bytes.length - (mode === 'gcm' ? 18 : 17);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    });
    expect(refusal(damaged)).toMatchObject({ code: 'tampered' });
    expect(refusal(damaged, { secrets: [OTHER, SECRET] })).toMatchObject({ code: 'tampered' });
  });

  it('compares the expiry in the clear with the encrypted one', () => {
    const postponed = changed(token, (bytes) => bytes.writeBigInt64BE(1_800_000_000n));
    expect(refusal(postponed)).toMatchObject({
      code: 'expire_mismatch',
      message:
        'The header says that the token expires at 1800000000, the encrypted part says 1700003600.',
    });
  });

  it('refuses a token of another AppID when it is told ours', () => {
    expect(refusal(token, { appId: 2 })).toMatchObject({
      code: 'app_id_mismatch',
      message: 'The token is for AppID 1, not 2.',
    });
    expect(read(token, { appId: 1 }).claims.appId).toBe(1);
  });

  it('says for how long a token has been expired, from the second of its expiry', () => {
    expect(read(token, { now: EXPIRE - 1 }).claims.expireAt).toBe(EXPIRE);
    const code = 'expired';
    expect(refusal(token, { now: EXPIRE })).toMatchObject({
      code,
      message: 'The token expired 0 s ago.',
    });
    expect(refusal(token, { now: EXPIRE + 90 })).toMatchObject({
      code,
      message: 'The token expired 90 s ago.',
    });
  });

  it('sees that a token was cut, wherever it was', () => {
    const body = Buffer.from(token.slice(2), 'base64');
    for (const length of [0, 1, 9, 10, 11, 12, 26, 27, 40, body.length - 2]) {
      const cut = `04${body.subarray(0, length).toString('base64')}`;
      expect(refusal(cut), `${length} bytes`).toMatchObject({ code: 'truncated' });
    }
    expect(refusal(token.slice(0, 33))).toMatchObject({ code: 'truncated' });
  });
});

describe('decode of what is no token04', () => {
  it('recognises a JWT, also one without a signature', () => {
    const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl';
    expect(refusal(jwt)).toMatchObject({ code: 'is_jwt', message: expect.stringContaining('JWT') });
    expect(refusal('eyJhbGciOiJub25lIn0.e30.')).toMatchObject({ code: 'is_jwt' });
  });

  it.each([
    ['an empty text', ''],
    ['another version', '03AAAA'],
    ['characters outside of base64', '04AAAA!AAA'],
    ['a space inside', '04AAAAAGVT /xA'],
    ['a line end after it', `${handmadeToken('{}', 1)}\n`],
    ['base64url characters', '04AAAA-_AA'],
    ['an IV of 15 bytes', envelope(1, Buffer.alloc(15), Buffer.alloc(16))],
    ['a GCM IV without the mark', envelope(1, Buffer.alloc(12), Buffer.alloc(32))],
    ['another mark', envelope(1, Buffer.alloc(12), Buffer.alloc(32), Buffer.from([2]))],
    ['a CBC IV with the mark', envelope(1, Buffer.alloc(16), Buffer.alloc(32), Buffer.from([1]))],
    ['two bytes too many', envelope(1, Buffer.alloc(12), Buffer.alloc(32), Buffer.from([1, 1]))],
    ['an empty CBC ciphertext', envelope(1, Buffer.alloc(16), Buffer.alloc(0))],
    ['a CBC ciphertext of half a block', envelope(1, Buffer.alloc(16), Buffer.alloc(24))],
    ['a GCM tag alone', envelope(1, Buffer.alloc(12), Buffer.alloc(16), Buffer.from([1]))],
    ['an expiry past every safe integer', envelope(2n ** 53n, Buffer.alloc(16), Buffer.alloc(16))],
  ])('refuses %s', (_name, text) => {
    expect(refusal(text)).toMatchObject({ name: 'Token04Error', code: 'not_token04' });
  });

  it('reads lengths as unsigned: a ciphertext of 40,000 bytes is no negative one', () => {
    const token = createGenerator({ appId: 1, secret: SECRET })({
      userId: 'u',
      payload: 'p'.repeat(40_000),
      createdAt: 1,
      expireAt: 2,
    });
    expect(read(token).claims.payload).toHaveLength(40_000);
  });

  it('reads an expiry before 1970 as a negative number, which no plaintext agrees with', () => {
    expect(refusal(handmadeToken(JSON.stringify(FIELDS), -1))).toMatchObject({
      code: 'expire_mismatch',
    });
  });
});

describe('decode of a plaintext that a team made wrongly', () => {
  it.each([
    [
      'payload is an object',
      { payload: { room_id: 'r' } },
      'payload must be a string but is an object.',
    ],
    ['payload is a list', { payload: ['r'] }, 'payload must be a string but is an array.'],
    ['payload was left out', { payload: undefined }, 'payload must be a string but is missing.'],
    ['app_id is a string', { app_id: '1' }, 'app_id must be an integer but is a string.'],
    ['app_id is 0', { app_id: 0 }, 'app_id must be from 1 to 4294967295 but is another number.'],
    ['user_id is a number', { user_id: 1234 }, 'user_id must be a string but is a number.'],
    ['user_id is a fraction', { user_id: 1.5 }, 'user_id must be a string but is a number.'],
    ['nonce is a string', { nonce: 'abc' }, 'nonce must be an integer but is a string.'],
    [
      'nonce has 64 bits',
      { nonce: 2 ** 60 },
      'nonce must be from -2147483648 to 2147483647 but is another number.',
    ],
    [
      'ctime is in fractions',
      { ctime: 1700000000.5 },
      'ctime must be an integer but is a fraction.',
    ],
    ['ctime is null', { ctime: null }, 'ctime must be an integer but is null.'],
    ['expire is true', { expire: true }, 'expire must be an integer but is a boolean.'],
  ])('names the field: %s', (_name, fields, message) => {
    expect(refusal(withFields(fields))).toMatchObject({ code: 'claims_invalid', message });
  });

  it('never quotes the value', () => {
    const message = String(refusal(withFields({ app_id: 'canary', payload: { canary: 1 } })));
    expect(message).not.toContain('canary');
  });

  it.each([
    ['a JSON list', '["payload"]'],
    ['JSON null', 'null'],
    ['a JSON string', '"payload"'],
    ['no JSON', 'hello'],
    ['empty', ''],
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ])('has no claims where the plaintext is %s', (_name, plaintext) => {
    const code: Token04ErrorCode = 'wrong_secret';
    expect(refusal(handmadeToken(plaintext, EXPIRE))).toMatchObject({ code });
  });

  it('takes text that begins like an object and is none for a damaged token', () => {
    expect(refusal(handmadeToken('{"app_id":1', EXPIRE))).toMatchObject({ code: 'tampered' });
  });
});
