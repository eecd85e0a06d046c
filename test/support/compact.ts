import { constants, createHmac, type KeyObject, sign } from 'node:crypto';
import { NOW } from './clock.ts';

/** Makes a signature over the text `header.payload`. */
export type Signer = (input: string) => Buffer;

/** A JSON value, or text and bytes that are taken as they stand. */
export type Part = object | string | Buffer;

/** What a good credential of the tests says. */
export const CLAIMS = { sub: 'alice', exp: NOW + 600, iat: NOW };

/** A JWT by hand, with no library that would refuse to make it. */
export function compact(header: Part, payload: Part, signer: Signer): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${signer(input).toString('base64url')}`;
}

function encode(part: Part): string {
  const isRaw = typeof part === 'string' || Buffer.isBuffer(part);
  return Buffer.from(isRaw ? part : JSON.stringify(part)).toString('base64url');
}

/** Signs as HS256 does, or with the hash of another length. */
export function hmac(secret: string | Buffer, bits: 256 | 384 | 512 = 256): Signer {
  return (input) => createHmac(`sha${bits}`, secret).update(input).digest();
}

/** No signature at all. */
export const unsigned: Signer = () => Buffer.alloc(0);

/** Signs as `alg` does. */
export function signer(key: KeyObject, alg: string): Signer {
  const hash = alg.startsWith('Ed') ? null : `sha${alg.slice(2)}`;
  const padding = alg.startsWith('PS') && {
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  };
  return (input) => sign(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363', ...padding });
}
