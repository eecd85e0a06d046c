import { createPublicKey, X509Certificate } from 'node:crypto';
import { familiesOf, isKeyText } from './public-key.ts';

const MIN_BYTES = 32;

/** How a shared secret is written; `binary` are the bytes of a file. */
export const SECRET_ENCODINGS = ['text', 'base64', 'base64url', 'hex', 'binary'] as const;

export type SecretEncoding = (typeof SECRET_ENCODINGS)[number];

/** The bytes of a shared secret, and the algorithm that its JWK names. */
export type SharedSecret = { bytes: Buffer<ArrayBuffer>; algorithm: string | undefined };

const A_KEY =
  'is a key, not a shared secret; anybody who has a public key could sign with it, so set it as the public key';

/**
 * Decodes a shared secret: text, an `oct` JWK, or text in an encoding, which must be exact, since lenient decoders
 * skip what they do not understand and so shorten the secret.
 *
 * @throws {Error} with a message for the operator that does not quote the secret
 */
export function decodeSecret(text: string, encoding: SecretEncoding = 'text'): SharedSecret {
  const jwk = encoding === 'text' ? parseOctJwk(text) : undefined;
  if (!jwk && isKeyText(encoding === 'binary' ? '' : text)) throw new Error(A_KEY);
  const bytes = jwk ? decode(jwk.k, 'base64url', 'its k ') : decode(text, encoding);
  if (encoding !== 'text' && isKeyBytes(bytes)) throw new Error(A_KEY);
  if (bytes.length < MIN_BYTES) {
    const decoded = jwk || encoding !== 'text' ? ', decoded' : '';
    throw new Error(`must be at least ${MIN_BYTES} bytes long${decoded}`);
  }
  return { bytes, algorithm: jwk?.alg };
}

const FORMS: Readonly<Record<string, [pattern: RegExp, rule: string]>> = {
  base64: [
    /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
    'must be base64 with its padding, without spaces and line ends; with - and _ it is base64url',
  ],
  base64url: [
    /^[\w-]+={0,2}$/,
    'must be base64url, without spaces and line ends; with + and / it is base64',
  ],
  hex: [/^(?:[0-9a-f]{2})+$/i, 'must be pairs of hex digits, without 0x, spaces and line ends'],
};

/** `binary` has been read as hex (see `resolveFiles`). */
function decode(text: string, encoding: SecretEncoding, place = ''): Buffer<ArrayBuffer> {
  if (encoding === 'text') return Buffer.from(text);
  const name = encoding === 'binary' ? 'hex' : encoding;
  const [pattern = /^$/, rule = ''] = FORMS[name] ?? [];
  const bytes = Buffer.from(text, name);
  // Equal again: no character was skipped, and no bits are left over.
  const again = bytes.toString(name);
  const isExact = name === 'hex' ? again === text.toLowerCase() : bare(again) === bare(text);
  if (!pattern.test(text) || !isExact || !isPadded(text, name)) throw new Error(place + rule);
  return bytes;
}

function bare(text: string): string {
  return text.replace(/=+$/, '');
}

/** Padding of base64url may be left out, but not be wrong. */
function isPadded(text: string, name: string): boolean {
  return name !== 'base64url' || !text.includes('=') || text.length % 4 === 0;
}

/** A symmetric key as JWK (RFC 7518 section 6.4); undefined for any other text. */
function parseOctJwk(text: string): { k: string; alg: string | undefined } | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  let jwk: Record<string, unknown>;
  try {
    jwk = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (jwk.kty !== 'oct') return undefined;
  const { k, alg, use = 'sig', key_ops: operations = ['verify'] } = jwk;
  if (typeof k !== 'string') throw new Error('must have the member k, as it is a JWK');
  if (use !== 'sig' || !Array.isArray(operations) || !operations.includes('verify')) {
    throw new Error('is a JWK that is not for signatures: use and key_ops say so');
  }
  const isHmac = typeof alg === 'string' && familiesOf([alg]).has('HMAC');
  if (alg !== undefined && !isHmac) {
    throw new Error('is a JWK whose alg is not HS256, HS384 or HS512');
  }
  return { k, alg: isHmac ? alg : undefined };
}

/** Whether bytes are a public key or a certificate, as PEM or DER. */
function isKeyBytes(bytes: Buffer): boolean {
  if (isKeyText(bytes.toString('latin1'))) return true;
  const readers = [
    () => createPublicKey({ key: bytes, format: 'der', type: 'spki' }),
    () => createPublicKey({ key: bytes, format: 'der', type: 'pkcs1' }),
    () => new X509Certificate(bytes),
  ];
  return readers.some((read) => {
    try {
      read();
      return true;
    } catch {
      return false;
    }
  });
}
