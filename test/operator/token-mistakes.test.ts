import { createCipheriv, createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Expectations, inspectToken } from '../../src/operator/inspect.ts';
import { createGenerator } from '../../src/token04/index.ts';
import { NOW } from '../support/clock.ts';

const SECRET = '0123456789abcdef0123456789abcdef';
const APP_SIGN = 'fedcba9876543210'.repeat(4);
const PAYLOAD = '{"room_id":"room_123","video_id":"249850980283048"}';
const CLAIMS = {
  app_id: 1,
  user_id: 'User_123',
  nonce: 7,
  ctime: NOW,
  expire: NOW + 3600,
  payload: PAYLOAD,
};

const inspect = (text: string, expected: Partial<Expectations> = {}) =>
  inspectToken(text, {
    secrets: [SECRET],
    appId: 1,
    now: NOW + 60,
    appSign: APP_SIGN,
    ...expected,
  });
const codes = (text: string, expected?: Partial<Expectations>) =>
  inspect(text, expected).problems.map(({ code }) => code);

type Written = {
  key?: Buffer;
  claims?: object;
  expireAt?: number;
  mode?: 'cbc' | 'gcm';
  write?: (parts: { expireAt: number; iv: Buffer; sealed: Buffer }) => Buffer;
};

const int64 = (value: number, endian: 'BE' | 'LE' = 'BE') => {
  const bytes = Buffer.alloc(8);
  bytes[`writeBigInt64${endian}`](BigInt(value));
  return bytes;
};
const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const uint16 = (value: number, endian: 'BE' | 'LE' = 'BE') => {
  const bytes = Buffer.alloc(2);
  bytes[`writeUInt16${endian}`](value);
  return bytes;
};

const STANDARD: Written['write'] = ({ expireAt, iv, sealed }) =>
  Buffer.concat([int64(expireAt), uint16(iv.length), iv, uint16(sealed.length), sealed]);

/** A token as somebody's generator may write it. */
function bytesOf({
  key = Buffer.from(SECRET),
  claims = CLAIMS,
  expireAt = NOW + 3600,
  mode = 'cbc',
  write = STANDARD,
}: Written) {
  const iv = Buffer.alloc(mode === 'cbc' ? 16 : 12, 9);
  const name = `aes-${key.length * 8}-${mode}`;
  const cipher = createCipheriv(name as 'aes-256-gcm', key, iv);
  const parts = [cipher.update(JSON.stringify(claims)), cipher.final()];
  const sealed = Buffer.concat(mode === 'gcm' ? [...parts, cipher.getAuthTag()] : parts);
  return (write as NonNullable<Written['write']>)({ expireAt, iv, sealed });
}
const token = (written: Written = {}) => `04${bytesOf(written).toString('base64')}`;
const hash = (name: string, text: string) => createHash(name).update(text).digest();

const GOOD = token();
const JWT =
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoiVXNlcl8xMjMifQ.c2lnbmF0dXJlLW9mLXRoZS1qd3Q';
const hmac = (encoding: 'hex' | 'base64' | 'base64url') =>
  createHmac('sha256', SECRET).update(JSON.stringify(CLAIMS)).digest(encoding);

/** What people paste around a token that is good. */
const AROUND: [name: string, text: string][] = [
  ['double quotes', `"${GOOD}"`],
  ['single quotes', `'${GOOD}'`],
  ['backticks', `\`${GOOD}\``],
  ['a quote and a comma', `"${GOOD}",`],
  ['blanks and a line end', `  ${GOOD}\r\n`],
  ['lines of 76 characters', GOOD.replace(/.{76}/g, '$&\r\n')],
  ['line ends of JSON', GOOD.replace(/.{76}/g, '$&\\n')],
  ['Bearer', `Bearer ${GOOD}`],
  ['a header', `Authorization: Bearer ${GOOD}`],
  ['an assignment', `token=${GOOD}`],
  ['the reply of this service', JSON.stringify({ token: GOOD, expireAt: 1 })],
  ['a reply with data', JSON.stringify({ code: 0, data: { token: GOOD } })],
  ['a JSON string', JSON.stringify(GOOD)],
  ['a JSON string of JSON', JSON.stringify(JSON.stringify({ token: GOOD }))],
  ['URL encoding', encodeURIComponent(GOOD)],
  ['URL encoding, twice', encodeURIComponent(encodeURIComponent(GOOD))],
  [
    'a kit token',
    `${GOOD}#${Buffer.from('{"userID":"User_123","roomID":"room_123"}').toString('base64')}`,
  ],
];

/** Wrong tokens of public generators, and the mistake that each shows. */
const WRONG: [name: string, text: string, code: string][] = [
  ['a JWT', JWT, 'is_jwt'],
  ['a JWT with padding', JWT.replace(/\./g, '=.'), 'is_jwt'],
  ['a JWT behind 04', `04${JWT}`, 'is_jwt'],
  ['a JWT in base64', Buffer.from(JWT).toString('base64'), 'is_jwt'],
  ['a JWT in base64 behind 04', `04${Buffer.from(JWT).toString('base64')}`, 'is_jwt'],
  ['an HMAC in hex', hmac('hex'), 'is_hash'],
  ['an HMAC in hex behind 04', `04${hmac('hex')}`, 'is_hash'],
  ['an HMAC in base64', hmac('base64'), 'is_hash'],
  ['an HMAC in base64url', hmac('base64url'), 'is_hash'],
  ['an HMAC in base64 behind 04', `04${hmac('base64')}`, 'is_hash'],
  ['an MD5', hash('md5', GOOD).toString('hex'), 'is_hash'],
  ['a SHA-1', hash('sha1', GOOD).toString('hex'), 'is_hash'],
  ['an AppSign', APP_SIGN, 'is_hash'],
  ['a token03', `03${GOOD.slice(2)}`, 'is_token03'],
  ['+ read as blanks', GOOD.replaceAll('+', ' ').replace(/^(04.{20})/, '$1'), 'plus_lost'],
  ['base64url', GOOD.replaceAll('+', '-').replaceAll('/', '_'), 'base64url'],
  [
    'base64url without padding',
    GOOD.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''),
    'base64url',
  ],
  ['no prefix', GOOD.slice(2), 'prefix_missing'],
  [
    'the prefix inside',
    Buffer.concat([Buffer.from('04'), bytesOf({})]).toString('base64'),
    'prefix_encoded',
  ],
  ['encoded twice', `04${Buffer.from(GOOD.slice(2)).toString('base64')}`, 'encoded_twice'],
  ['hex', `04${bytesOf({}).toString('hex')}`, 'is_hex'],
  [
    'claims in the clear',
    `04${Buffer.from(JSON.stringify(CLAIMS)).toString('base64')}`,
    'not_encrypted',
  ],
  [
    'no IV length',
    token({
      write: ({ expireAt, iv, sealed }) =>
        Buffer.concat([int64(expireAt), iv, uint16(sealed.length), sealed]),
    }),
    'iv_length_missing',
  ],
  [
    'an expiry of 4 bytes',
    token({
      write: ({ expireAt, iv, sealed }) =>
        Buffer.concat([uint32(expireAt), uint16(16), iv, uint16(sealed.length), sealed]),
    }),
    'expiry_32bit',
  ],
  [
    'no expiry',
    token({
      write: ({ iv, sealed }) => Buffer.concat([uint16(16), iv, uint16(sealed.length), sealed]),
    }),
    'expiry_missing',
  ],
  [
    'no length of the ciphertext',
    token({
      write: ({ expireAt, iv, sealed }) => Buffer.concat([int64(expireAt), uint16(16), iv, sealed]),
    }),
    'ciphertext_length_missing',
  ],
  [
    'no lengths',
    token({ write: ({ expireAt, iv, sealed }) => Buffer.concat([int64(expireAt), iv, sealed]) }),
    'lengths_missing',
  ],
  [
    'little-endian',
    token({
      write: ({ expireAt, iv, sealed }) =>
        Buffer.concat([
          int64(expireAt, 'LE'),
          uint16(16, 'LE'),
          iv,
          uint16(sealed.length, 'LE'),
          sealed,
        ]),
    }),
    'little_endian',
  ],
  ['GCM without its mode byte', token({ mode: 'gcm' }), 'mode_byte_missing'],
  ['the key hex-decoded', token({ key: Buffer.from(SECRET, 'hex') }), 'key_hex_decoded'],
  ['the first 16 bytes of the key', token({ key: Buffer.from(SECRET).subarray(0, 16) }), 'key_cut'],
  ['the first 24 bytes of the key', token({ key: Buffer.from(SECRET).subarray(0, 24) }), 'key_cut'],
  ['the SHA-256 of the key', token({ key: hash('sha256', SECRET) }), 'key_hashed'],
  ['the MD5 of the key', token({ key: hash('md5', SECRET) }), 'key_hashed'],
  [
    'the MD5 of the key in hex',
    token({ key: Buffer.from(hash('md5', SECRET).toString('hex')) }),
    'key_hashed',
  ],
  ['the key base64-decoded', token({ key: Buffer.from(SECRET, 'base64') }), 'key_base64_decoded'],
  ['the AppSign hex-decoded', token({ key: Buffer.from(APP_SIGN, 'hex') }), 'key_app_sign'],
  [
    'the first half of the AppSign',
    token({ key: Buffer.from(APP_SIGN).subarray(0, 32) }),
    'key_app_sign',
  ],
  [
    'another secret',
    token({ key: Buffer.from('another-secret-of-32-characters!') }),
    'wrong_secret',
  ],
  [
    'milliseconds',
    token({
      expireAt: (NOW + 3600) * 1000,
      claims: { ...CLAIMS, ctime: NOW * 1000, expire: (NOW + 3600) * 1000 },
    }),
    'milliseconds',
  ],
  ['another expiry outside', token({ expireAt: NOW + 1 }), 'expire_mismatch'],
  ['cut', GOOD.slice(0, 90), 'truncated'],
];

/** Claims of the wrong type, with ZEGO's code for each. */
const CLAIMS_WRONG: [name: string, claims: object, zegoError: number][] = [
  ['the AppID as text', { app_id: '1' }, 1002076],
  ['no AppID', { app_id: undefined }, 1002076],
  ['the user as a number', { user_id: 7 }, 1002077],
  ['no user', { user_id: undefined }, 1002077],
  ['the expiry as text', { expire: String(NOW) }, 1002078],
  ['the creation time as a fraction', { ctime: NOW + 0.5 }, 1002078],
  ['no nonce', { nonce: undefined }, 1002080],
  ['the nonce as text', { nonce: '7' }, 1002080],
  ['a nonce of 64 bits', { nonce: 2 ** 40 }, 1002080],
  ['the payload as an object', { payload: JSON.parse(PAYLOAD) }, 1002075],
  ['no payload', { payload: undefined }, 1002075],
];

const ROOM = { room_id: 'room_123', privilege: { 1: 1, 2: 0 }, stream_id_list: null };
const withPayload = (payload: unknown) =>
  token({
    claims: { ...CLAIMS, payload: typeof payload === 'string' ? payload : JSON.stringify(payload) },
  });

describe('inspect', () => {
  it.each(AROUND)('takes the token out of %s', (_name, text) => {
    expect(inspect(text)).toMatchObject({ valid: true, kind: 'video', problems: [] });
  });

  it.each(WRONG)('names the mistake of %s', (_name, text, code) => {
    const { valid, problems } = inspect(text);
    expect([valid, problems.map((problem) => problem.code)]).toEqual([false, [code]]);
    for (const { message } of problems) {
      expect(message).not.toContain(SECRET);
      expect(message).not.toContain(APP_SIGN);
    }
  });

  it.each(CLAIMS_WRONG)('has the error of ZEGO for %s', (_name, changed, zegoError) => {
    const { problems } = inspect(token({ claims: { ...CLAIMS, ...changed } }));
    expect(problems).toEqual([{ code: 'claims_invalid', message: expect.any(String), zegoError }]);
  });

  it.each([
    ['basic', '', []],
    ['room', ROOM, []],
    ['room', { ...ROOM, stream_id_list: ['a'] }, []],
    ['room', { ...ROOM, stream_id_list: [] }, ['streams_empty']],
    ['room', { ...ROOM, stream_id_list: 'a' }, ['streams_invalid']],
    ['room', { ...ROOM, privilege: { 1: '1' } }, ['privilege_invalid']],
    ['room', { ...ROOM, privilege: { login: 1 } }, ['privilege_invalid']],
    ['room', { ...ROOM, privilege: [1, 1] }, ['privilege_invalid']],
    ['video', PAYLOAD, []],
    [null, 'text', ['payload_invalid']],
    [null, '{}', ['payload_invalid']],
    [null, { roomId: 'r', videoId: 'v' }, ['payload_invalid']],
    [null, { room_id: 'r' }, ['payload_invalid']],
    [null, { room_id: 'r', video_id: 1 }, ['payload_invalid']],
  ])('tells the kind %s by the payload %j', (kind, payload, problems) => {
    expect(inspect(withPayload(payload))).toMatchObject({ kind });
    expect(codes(withPayload(payload))).toEqual(problems);
  });

  it('names a duration in place of a time', () => {
    const text = token({ expireAt: 3600, claims: { ...CLAIMS, expire: 3600 } });
    expect(codes(text)).toEqual(['expired', 'lifetime_invalid']);
  });

  it('insists on a kind', () => {
    expect(codes(withPayload(''), { kind: 'video' })).toEqual(['kind_mismatch']);
    expect(codes(withPayload(ROOM), { kind: 'room' })).toEqual([]);
    expect(codes(GOOD, { kind: 'basic' })).toEqual(['kind_mismatch']);
  });

  it('finds nothing in what this service makes', () => {
    for (const mode of ['cbc', 'gcm'] as const) {
      const generate = createGenerator({ appId: 1, secret: SECRET, mode });
      const made = generate({
        userId: 'User_123',
        payload: PAYLOAD,
        createdAt: NOW,
        expireAt: NOW + 600,
      });
      expect(inspect(made)).toMatchObject({ valid: true, mode, problems: [] });
    }
  });
});
