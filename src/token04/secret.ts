import { Token04Error } from './errors.ts';

const SECRET_BYTES = 32;

/**
 * The AES-256 key of a ServerSecret: its 32 bytes as they are, not hex-decoded.
 *
 * @throws {Token04Error} `secret_is_app_sign` or `secret_invalid`
 */
export function parseSecret(secret: string): Buffer {
  if (/^[0-9a-fA-F]{64}$/.test(secret)) {
    throw new Token04Error(
      'secret_is_app_sign',
      'This looks like an AppSign (64 hex characters); the ServerSecret has 32 characters.',
    );
  }
  const key = Buffer.from(secret, 'utf8');
  if (key.length !== SECRET_BYTES) {
    throw new Token04Error(
      'secret_invalid',
      `The ServerSecret must be ${SECRET_BYTES} bytes long.`,
    );
  }
  return key;
}
