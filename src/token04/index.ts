import { randomFillSync } from 'node:crypto';
import type { RandomBytes } from './cipher.ts';
import type { Generate, GeneratorOptions } from './generate.ts';
import { createGeneratorWith } from './generate.ts';

export type { Token04Claims } from './claims.ts';
export { MAX_LIFETIME_SECONDS, MAX_PLAINTEXT_BYTES } from './claims.ts';
export type { Decoded, DecodeOptions } from './decode.ts';
export { decode } from './decode.ts';
export type { Token04Mode } from './envelope.ts';
export { decodeEnvelope } from './envelope.ts';
export type { Token04ErrorCode } from './errors.ts';
export { Token04Error } from './errors.ts';
export type { Generate, GenerateInput, GeneratorOptions } from './generate.ts';
export { parseSecret } from './secret.ts';

const POOL_BYTES = 4096;

/**
 * A generator of token04s for one ZEGO project.
 *
 * @example
 * const generate = createGenerator({ appId: 1, secret: 'abcdefghijklmnopqrstuvwxyzabcdef' });
 * const token = generate({ userId: 'User_123', payload: '', createdAt: 1700000000, expireAt: 1700003600 });
 *
 * @throws {Token04Error} `app_id_invalid`, `secret_invalid` or `secret_is_app_sign`
 */
export function createGenerator(options: GeneratorOptions): Generate {
  return createGeneratorWith(options, createRandomPool());
}

/** Reads random bytes for 200 tokens at once: a call costs more than encrypting a token. */
function createRandomPool(): RandomBytes {
  const pool = Buffer.alloc(POOL_BYTES);
  let used = POOL_BYTES;
  return (size) => {
    if (used + size > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    used += size;
    return pool.subarray(used - size, used);
  };
}
