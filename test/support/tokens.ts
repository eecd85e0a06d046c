import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { RandomBytes } from '../../src/token04/cipher.ts';

/** The ServerSecret of the tests that compare with published tokens. */
export const SECRET = 'abcdefghijklmnopqrstuvwxyzabcdef';

/** A random source that gives what a test chose, in order. */
export function scriptedRandom(...blocks: Buffer[]): RandomBytes {
  const left = [...blocks];
  return (size) => {
    const block = left.shift();
    if (block?.length !== size) throw new Error(`no block of ${size} bytes was scripted`);
    return block;
  };
}

/** The random block that makes a fresh CBC generator use `iv`: the block cipher, backwards. */
export function randomBlockFor(iv: Buffer, secret: string = SECRET): Buffer {
  const decipher = createDecipheriv('aes-256-ecb', secret, null).setAutoPadding(false);
  return decipher.update(iv);
}

/** A token with any plaintext, such as a team's own mistaken generator would make. */
export function handmadeToken(plaintext: string | Buffer, expire: bigint | number): string {
  const iv = Buffer.from('fedcba9876543210');
  const cipher = createCipheriv('aes-256-cbc', SECRET, iv);
  return envelope(expire, iv, Buffer.concat([cipher.update(plaintext), cipher.final()]));
}

/** The outer form, whatever is in it. */
export function envelope(
  expire: bigint | number,
  iv: Buffer,
  ciphertext: Buffer,
  trailer: Buffer = Buffer.alloc(0),
): string {
  const header = Buffer.alloc(10);
  header.writeBigInt64BE(BigInt(expire));
  header.writeUInt16BE(iv.length, 8);
  const size = Buffer.alloc(2);
  size.writeUInt16BE(ciphertext.length);
  return `04${Buffer.concat([header, iv, size, ciphertext, trailer]).toString('base64')}`;
}
