import { Token04Error } from './errors.ts';

/** Longest plaintext that the format's 16-bit length field can carry in both modes, in bytes. */
export const MAX_PLAINTEXT_BYTES = 65_519;

/** Longest lifetime of a token: 24 days, in seconds. */
export const MAX_LIFETIME_SECONDS = 2_073_600;

/** Longest user id, in bytes of UTF-8. */
const MAX_USER_ID_BYTES = 64;

/** Largest nonce: 31 bits, so that a signed integer of ZEGO's holds it. */
export const MAX_NONCE = 0x7fff_ffff;

/** ZEGO's Java generator draws all 32 bits, with the sign. */
const MIN_NONCE = -0x8000_0000;
const MAX_APP_ID = 0xffff_ffff;

/** What a token04 says, decoded. Times are Unix seconds. */
export type Token04Claims = {
  /** ZEGO AppID, 1 … 4294967295. */
  appId: number;
  userId: string;
  /** Random integer, 0 … 2³¹−1; some of ZEGO's generators make negative ones. */
  nonce: number;
  createdAt: number;
  expireAt: number;
  /** Opaque to this module; for a video the JSON text `{"room_id":…,"video_id":…}`. */
  payload: string;
};

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The plaintext of a token: JSON with ZEGO's field names.
 *
 * @throws {Token04Error} when a claim is out of bounds
 */
export function encodeClaims(claims: Token04Claims): string {
  const { appId, userId, nonce, createdAt, expireAt, payload } = claims;
  checkAppId(appId);
  checkUserId(userId);
  checkTimes(createdAt, expireAt);
  if (typeof payload !== 'string' || !payload.isWellFormed()) {
    throw new Token04Error('payload_invalid', 'The payload must be a string of valid Unicode.');
  }
  const plaintext = JSON.stringify({
    app_id: appId,
    user_id: userId,
    ctime: createdAt,
    expire: expireAt,
    nonce,
    payload,
  });
  // UTF-8 takes at most three bytes for a UTF-16 code unit, so short texts need no count.
  if (
    plaintext.length * 3 > MAX_PLAINTEXT_BYTES &&
    Buffer.byteLength(plaintext) > MAX_PLAINTEXT_BYTES
  ) {
    throw new Token04Error(
      'payload_too_large',
      `The plaintext must be at most ${MAX_PLAINTEXT_BYTES} bytes; shorten the payload.`,
    );
  }
  return plaintext;
}

/**
 * The claims in a plaintext, or undefined if it is no JSON object: the caller knows why that can be.
 *
 * @throws {Token04Error} `claims_invalid` when a field of the object is missing or not what it must be
 */
export function decodeClaims(plaintext: Uint8Array): Token04Claims | undefined {
  const fields = parseObject(plaintext);
  if (fields === undefined) return undefined;
  return {
    appId: readInteger(fields, 'app_id', 1, MAX_APP_ID),
    userId: readString(fields, 'user_id'),
    nonce: readInteger(fields, 'nonce', MIN_NONCE, MAX_NONCE),
    createdAt: readInteger(fields, 'ctime', 0, Number.MAX_SAFE_INTEGER),
    expireAt: readInteger(fields, 'expire', 0, Number.MAX_SAFE_INTEGER),
    payload: readString(fields, 'payload'),
  };
}

/** @throws {Token04Error} `app_id_invalid` */
export function checkAppId(appId: number): void {
  if (!isInteger(appId, 1, MAX_APP_ID)) {
    throw new Token04Error(
      'app_id_invalid',
      `The AppID must be an integer from 1 to ${MAX_APP_ID}.`,
    );
  }
}

function checkUserId(userId: string): void {
  const valid =
    typeof userId === 'string' &&
    userId.isWellFormed() &&
    userId.length > 0 &&
    Buffer.byteLength(userId) <= MAX_USER_ID_BYTES;
  if (!valid) {
    throw new Token04Error(
      'user_id_invalid',
      `The user id must be 1 to ${MAX_USER_ID_BYTES} bytes of valid Unicode.`,
    );
  }
}

function checkTimes(createdAt: number, expireAt: number): void {
  if (!isInteger(createdAt, 0, Number.MAX_SAFE_INTEGER)) {
    throw new Token04Error(
      'created_at_invalid',
      'The creation time must be Unix seconds, an integer.',
    );
  }
  const valid =
    Number.isSafeInteger(expireAt) && isInteger(expireAt - createdAt, 1, MAX_LIFETIME_SECONDS);
  if (!valid) {
    throw new Token04Error(
      'lifetime_invalid',
      `The token must live for 1 to ${MAX_LIFETIME_SECONDS} seconds, a whole number.`,
    );
  }
}

function isInteger(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

type Fields = Record<string, unknown>;

function readInteger(fields: Fields, name: string, min: number, max: number): number {
  const value = fields[name];
  if (isInteger(value, min, max)) return value;
  if (Number.isInteger(value)) throw fieldError(name, `from ${min} to ${max}`, 'another number');
  throw fieldError(name, 'an integer', typeof value === 'number' ? 'a fraction' : kindOf(value));
}

function readString(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string') return value;
  throw fieldError(name, 'a string', kindOf(value));
}

/** Names the kind of what is there and never the value, which may be anybody's. */
function fieldError(name: string, wanted: string, kind: string): Token04Error {
  return new Token04Error('claims_invalid', `${name} must be ${wanted} but is ${kind}.`);
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function parseObject(plaintext: Uint8Array): Fields | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(plaintext));
    const isObject = value !== null && typeof value === 'object' && !Array.isArray(value);
    return isObject ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}
