import { Token04Error } from './errors.ts';

/** Longest plaintext that the format's 16-bit length field can carry in both modes, in bytes. */
export const MAX_PLAINTEXT_BYTES = 65_519;

/** Longest lifetime of a token: 24 days, in seconds. */
export const MAX_LIFETIME_SECONDS = 2_073_600;

/** Longest user id, in bytes of UTF-8. */
export const MAX_USER_ID_BYTES = 64;

const MAX_APP_ID = 0xffff_ffff;
const MAX_NONCE = 0x7fff_ffff;

/** What a token04 says, decoded. Times are Unix seconds. */
export type Token04Claims = {
  /** ZEGO AppID, 1 … 4294967295. */
  appId: number;
  userId: string;
  /** Random integer, 0 … 2³¹−1. */
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

/** The claims in a plaintext, or undefined if it is not one: the caller knows why that can be. */
export function decodeClaims(plaintext: Uint8Array): Token04Claims | undefined {
  const fields = parseObject(plaintext);
  if (fields === undefined) return undefined;
  const { app_id, user_id, nonce, ctime, expire, payload } = fields;
  const valid =
    isInteger(app_id, 1, MAX_APP_ID) &&
    isInteger(nonce, 0, MAX_NONCE) &&
    isInteger(ctime, 0, Number.MAX_SAFE_INTEGER) &&
    isInteger(expire, 0, Number.MAX_SAFE_INTEGER) &&
    typeof user_id === 'string' &&
    typeof payload === 'string';
  if (!valid) return undefined;
  return { appId: app_id, userId: user_id, nonce, createdAt: ctime, expireAt: expire, payload };
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

function parseObject(plaintext: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(plaintext));
    return value !== null && typeof value === 'object' ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
