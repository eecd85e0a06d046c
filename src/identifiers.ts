import { z } from 'zod';

/**
 * No C0 or C1 control characters. Avoids `\p{Cc}`, because the OpenAPI documents publish this pattern: Python does
 * not support property escapes, and JavaScript requires the flag `u` or `v`.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses.
const NO_CONTROL_CHARACTERS = /^[^\x00-\x1f\x7f-\x9f]*$/;

/** Text that is valid at ZEGO, in SQL and in logs: no control characters, no lone surrogates. */
export function plainText() {
  return z
    .string()
    .regex(NO_CONTROL_CHARACTERS, 'must have no control characters')
    .refine((text) => text.isWellFormed(), 'must be valid Unicode, without lone surrogates');
}

function identifier(maxBytes: number) {
  return plainText()
    .min(1)
    .max(maxBytes)
    .refine((id) => Buffer.byteLength(id) <= maxBytes, `must be at most ${maxBytes} bytes of UTF-8`)
    .meta({
      description: `At most ${maxBytes} bytes of UTF-8, valid Unicode, no control characters.`,
    });
}

/** 1 to 64 bytes of UTF-8, our limit. ZEGO accepts at most 63 (error 1002007), see {@link ZEGO_RULES}. */
export const userIdSchema = identifier(64);

/** 1 to 128 bytes of UTF-8, our limit. ZEGO accepts at most 127 (error 1002013), see {@link ZEGO_RULES}. */
export const roomIdSchema = identifier(128);

/** 1 to 128 bytes of UTF-8, our limit. ZEGO's samples have 9 to 15 digits. */
export const videoIdSchema = identifier(128);

/** ISO 3166-1 alpha-2. */
export const countrySchema = z
  .string()
  .regex(/^[A-Z]{2}$/, 'must be an ISO 3166-1 alpha-2 code in upper case')
  .meta({ maxLength: 2 });

/** The end of the year 9999; rejects times in milliseconds, a frequent mistake. */
export const MAX_UNIX_SECONDS = 253_402_300_799;

export const unixSecondsSchema = z
  .int()
  .min(0)
  .max(MAX_UNIX_SECONDS, 'must be Unix seconds, not milliseconds');

/** ZEGO's rules for an id, with the error numbers of its SDKs (developer documentation, `loginRoom`). */
type ZegoRule = { noun: string; maxBytes: number; charactersError: number; lengthError: number };

export const ZEGO_RULES = {
  user: { noun: 'userId', maxBytes: 63, charactersError: 1002006, lengthError: 1002007 },
  room: { noun: 'roomId', maxBytes: 127, charactersError: 1002012, lengthError: 1002013 },
} as const satisfies Record<string, ZegoRule>;

const REFUSED_BY_ZEGO = /[^A-Za-z0-9~!@#$%^&*()_+=\-`;',.<>\\]/u;

/** Why ZEGO refuses an id; undefined if it accepts it. `received` never quotes the id. */
export function zegoRefusal(
  id: string,
  { maxBytes, charactersError, lengthError }: ZegoRule,
): { expected: string; received: string; zegoError: number } | undefined {
  const expected = `at most ${maxBytes} ASCII letters, digits and ~!@#$%^&*()_+=-\`;',.<>\\`;
  const received = firstOf(REFUSED_BY_ZEGO, id);
  if (received) return { expected, received, zegoError: charactersError };
  const bytes = Buffer.byteLength(id);
  if (bytes <= maxBytes) return undefined;
  return { expected, received: `${bytes} bytes`, zegoError: lengthError };
}

/** Of a hashed user id, with its prefix `u_`. */
export const HASHED_LENGTH = 34;

export const ZIM_MAX_BYTES = 32;
const REFUSED_BY_ZIM = /[^A-Za-z0-9~!@#$%^&()_+=\-;.<>]/u;

/** Why ZIM refuses a user id that ZEGO's other products accept; undefined if it accepts it. Never quotes the id. */
export function zimRefusal(id: string): { expected: string; received: string } | undefined {
  const expected = `at most ${ZIM_MAX_BYTES} bytes: ASCII letters, digits and ~!@#$%^&()_+=-;.<>`;
  const received = firstOf(REFUSED_BY_ZIM, id);
  if (received) return { expected, received };
  const bytes = Buffer.byteLength(id);
  return bytes <= ZIM_MAX_BYTES ? undefined : { expected, received: `${bytes} bytes` };
}

/** The first character of a kind, such as U+002A. */
function firstOf(characters: RegExp, id: string): string | undefined {
  const point = characters.exec(id)?.[0].codePointAt(0);
  if (point === undefined) return undefined;
  return `U+${point.toString(16).toUpperCase().padStart(4, '0')}`;
}
