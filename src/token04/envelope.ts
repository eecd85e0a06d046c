import { Token04Error } from './errors.ts';

/** How a token is encrypted: AES-256-CBC, or AES-256-GCM as ZEGO's newer generators do. */
export type Token04Mode = 'cbc' | 'gcm';

/** The unencrypted outer layer of a token. In GCM mode `ciphertext` ends with the tag. */
export type Envelope = {
  mode: Token04Mode;
  /** Unix seconds, in the clear and not authenticated. */
  expireAt: number;
  iv: Uint8Array;
  ciphertext: Uint8Array;
};

const PREFIX = '04';
const GCM_MARK = 0x01;
const JWT_FORM = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** Bytes of IV by mode. */
export const IV_BYTES = { cbc: 16, gcm: 12 } as const;

/**
 * `"04" + base64( int64BE expire | uint16BE |IV| | IV | uint16BE n | ciphertext, n bytes [ | 0x01 ] )`
 *
 * The last byte is present in GCM mode only. `sealed` is the IV followed by the ciphertext.
 */
export function encodeEnvelope(mode: Token04Mode, expireAt: number, sealed: Buffer): string {
  const ivBytes = IV_BYTES[mode];
  const bytes = Buffer.allocUnsafe(12 + sealed.length + (mode === 'gcm' ? 1 : 0));
  bytes.writeUInt32BE(Math.floor(expireAt / 2 ** 32), 0);
  bytes.writeUInt32BE(expireAt >>> 0, 4);
  bytes.writeUInt16BE(ivBytes, 8);
  sealed.copy(bytes, 10, 0, ivBytes);
  bytes.writeUInt16BE(sealed.length - ivBytes, 10 + ivBytes);
  sealed.copy(bytes, 12 + ivBytes, ivBytes);
  if (mode === 'gcm') bytes[bytes.length - 1] = GCM_MARK;
  return PREFIX + bytes.toString('base64');
}

/**
 * The inverse of {@link encodeEnvelope}.
 *
 * @throws {Token04Error} `is_jwt`, `not_token04` or `truncated`
 */
export function decodeEnvelope(token: string): Envelope {
  const bytes = decodeText(token);
  const ivBytes = bytes.length < 10 ? 0 : bytes.readUInt16BE(8);
  const bodyAt = 12 + ivBytes;
  if (bytes.length < bodyAt) throw truncated();
  const n = bytes.readUInt16BE(bodyAt - 2);
  const rest = bytes.length - bodyAt - n;
  if (rest < 0) throw truncated();
  const mode = rest === 0 ? 'cbc' : 'gcm';
  const marked = rest === 0 || (rest === 1 && bytes.at(-1) === GCM_MARK);
  const sized = mode === 'cbc' ? n > 0 && n % 16 === 0 : n > 16;
  const expireAt = Number(bytes.readBigInt64BE(0));
  if (!marked || !sized || ivBytes !== IV_BYTES[mode] || !Number.isSafeInteger(expireAt)) {
    throw new Token04Error(
      'not_token04',
      'The text begins like a token04, but its layout is different.',
    );
  }
  return {
    mode,
    expireAt,
    iv: bytes.subarray(10, 10 + ivBytes),
    ciphertext: bytes.subarray(bodyAt, bodyAt + n),
  };
}

function decodeText(token: string): Buffer {
  if (JWT_FORM.test(token)) {
    throw new Token04Error('is_jwt', 'This is a JWT, not a token04: ZEGO cannot read it.');
  }
  if (!token.startsWith(PREFIX)) {
    throw new Token04Error('not_token04', 'A token04 begins with the characters 04.');
  }
  const text = token.slice(PREFIX.length);
  const bytes = Buffer.from(text, 'base64');
  // Node.js ignores invalid characters; only canonical base64 survives a round trip.
  if (bytes.toString('base64') === text) return bytes;
  if (text.length % 4 !== 0 && /^[A-Za-z0-9+/]+$/.test(text)) throw truncated();
  throw new Token04Error(
    'not_token04',
    'What follows 04 is not base64; was the token escaped or cut?',
  );
}

function truncated(): Token04Error {
  return new Token04Error(
    'truncated',
    'The token is cut short: copy it again, to its last character.',
  );
}
