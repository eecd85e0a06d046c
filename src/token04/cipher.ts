import { createCipheriv, createDecipheriv } from 'node:crypto';
import { MAX_PLAINTEXT_BYTES } from './claims.ts';
import type { Envelope, Token04Mode } from './envelope.ts';
import { IV_BYTES } from './envelope.ts';

/** Fresh bytes from a cryptographic source. The caller may not write to them, or keep them beyond the next call. */
export type RandomBytes = (size: number) => Buffer;

/**
 * Encrypts a plaintext of at most `MAX_PLAINTEXT_BYTES` under a fresh IV: returns IV and ciphertext,
 * one after the other.
 */
export type Seal = (plaintext: string) => Buffer;

const BLOCK = 16;
const TAG_BYTES = 16;

/** One {@link Seal} for a key of 32 bytes. */
export function createSeal(mode: Token04Mode, key: Uint8Array, random: RandomBytes): Seal {
  return mode === 'cbc' ? createCbcSeal(key, random) : createGcmSeal(key, random);
}

/**
 * AES-256-CBC with PKCS#7 padding by one long-lived cipher.
 *
 * Each message goes through as `random block ‖ padded plaintext`, in one update. The first output
 * block is the encryption of a block that nobody could predict, and it is what the next
 * block is chained to: an IV by the first method of NIST SP 800-38A, appendix C.
 */
function createCbcSeal(key: Uint8Array, random: RandomBytes): Seal {
  const create = () =>
    createCipheriv('aes-256-cbc', key, new Uint8Array(BLOCK)).setAutoPadding(false);
  let cipher = create();
  // One buffer for all messages, at half the cost of a new one each time. No await may come between fill and update.
  const message = Buffer.alloc(BLOCK + MAX_PLAINTEXT_BYTES + BLOCK);
  return (plaintext) => {
    message.set(random(BLOCK));
    const end = BLOCK + message.write(plaintext, BLOCK);
    const padding = BLOCK - (end % BLOCK);
    for (let i = end; i < end + padding; i++) message[i] = padding;
    try {
      return cipher.update(message.subarray(0, end + padding));
    } catch (error) {
      cipher = create();
      throw error;
    }
  };
}

function createGcmSeal(key: Uint8Array, random: RandomBytes): Seal {
  return (plaintext) => {
    const iv = random(IV_BYTES.gcm);
    const cipher = createCipheriv('aes-256-gcm', key, iv);
    return Buffer.concat([
      iv,
      cipher.update(plaintext, 'utf8'),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
  };
}

/** What came out of a decryption: `plaintext` is undefined where the padding or the tag is wrong. */
export type Opened = { plaintext: Buffer | undefined; looksLikeJson: boolean };

/** The reverse of {@link Seal}. `looksLikeJson` tells a right key and damage from a wrong key. */
export function open({ mode, iv, ciphertext }: Envelope, key: Uint8Array): Opened {
  return mode === 'cbc' ? openCbc(iv, ciphertext, key) : openGcm(iv, ciphertext, key);
}

function openCbc(iv: Uint8Array, ciphertext: Uint8Array, key: Uint8Array): Opened {
  const decipher = createDecipheriv('aes-256-cbc', key, iv).setAutoPadding(false);
  const message = decipher.update(ciphertext);
  const padding = message.readUInt8(message.length - 1);
  const end = message.length - padding;
  const valid =
    padding >= 1 && padding <= BLOCK && message.subarray(end).every((b) => b === padding);
  return {
    plaintext: valid ? message.subarray(0, end) : undefined,
    looksLikeJson: isJson(message),
  };
}

function openGcm(iv: Uint8Array, ciphertext: Uint8Array, key: Uint8Array): Opened {
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(ciphertext.subarray(-TAG_BYTES));
  const plaintext = decipher.update(ciphertext.subarray(0, -TAG_BYTES));
  try {
    decipher.final();
    return { plaintext, looksLikeJson: true };
  } catch {
    return { plaintext: undefined, looksLikeJson: isJson(plaintext) };
  }
}

function isJson(message: Buffer): boolean {
  return message.subarray(0, 2).toString('latin1') === '{"';
}
