import { z } from 'zod';

/** No control characters and no lone surrogates: what ZEGO, SQL and a log line can all carry. */
export const PLAIN_TEXT = /^[^\p{Cc}\p{Cs}]*$/u;
export const PLAIN_TEXT_RULE = 'must have no control characters and be valid Unicode';

function identifier(maxBytes: number) {
  return z
    .string()
    .min(1)
    .max(maxBytes)
    .regex(PLAIN_TEXT, PLAIN_TEXT_RULE)
    .refine((id) => Buffer.byteLength(id) <= maxBytes, `must be at most ${maxBytes} bytes of UTF-8`)
    .meta({ description: `At most ${maxBytes} bytes of UTF-8.` });
}

/** 1 to 64 bytes of UTF-8: ZEGO's bound for a user id. */
export const userIdSchema = identifier(64);

/** 1 to 128 bytes of UTF-8: ZEGO's bound for a room id. */
export const roomIdSchema = identifier(128);

/** 1 to 128 bytes of UTF-8; ZEGO's samples have 9 to 15 digits. */
export const videoIdSchema = identifier(128);

/** The end of the year 9999 in Unix seconds: milliseconds, a frequent mistake, are beyond it. */
export const MAX_UNIX_SECONDS = 253_402_300_799;

export const unixSecondsSchema = z.int().min(0).max(MAX_UNIX_SECONDS);
