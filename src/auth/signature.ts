import {
  constants,
  createHmac,
  type KeyObject,
  timingSafeEqual,
  type VerifyKeyObjectInput,
  verify,
} from 'node:crypto';

const PSS = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
};
const PKCS1 = { padding: constants.RSA_PKCS1_PADDING };
const IEEE_P1363 = { dsaEncoding: 'ieee-p1363' } as const;

type Algorithm = { type: string; curve?: string; hash: string | null; options?: object };

/** Verification parameters of the JWS algorithms (RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864). */
const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  HS256: { type: 'secret', hash: 'sha256' },
  HS384: { type: 'secret', hash: 'sha384' },
  HS512: { type: 'secret', hash: 'sha512' },
  RS256: { type: 'rsa', hash: 'sha256', options: PKCS1 },
  RS384: { type: 'rsa', hash: 'sha384', options: PKCS1 },
  RS512: { type: 'rsa', hash: 'sha512', options: PKCS1 },
  PS256: { type: 'rsa', hash: 'sha256', options: PSS },
  PS384: { type: 'rsa', hash: 'sha384', options: PSS },
  PS512: { type: 'rsa', hash: 'sha512', options: PSS },
  ES256: { type: 'ec', curve: 'prime256v1', hash: 'sha256', options: IEEE_P1363 },
  ES384: { type: 'ec', curve: 'secp384r1', hash: 'sha384', options: IEEE_P1363 },
  ES512: { type: 'ec', curve: 'secp521r1', hash: 'sha512', options: IEEE_P1363 },
  EdDSA: { type: 'ed25519', hash: null },
  Ed25519: { type: 'ed25519', hash: null },
};

const MIN_RSA_BITS = 2048;

/**
 * Verifies a signature. Returns false for a key of another type or curve, and for RSA keys shorter than
 * 2,048 bits.
 *
 * Synchronous (node:crypto), because Web Crypto's thread pool costs more than the verification.
 */
export function verifySignature(
  alg: string,
  key: KeyObject,
  input: string,
  signature: Uint8Array,
): boolean {
  const algorithm = Object.hasOwn(ALGORITHMS, alg) ? ALGORITHMS[alg] : undefined;
  if (!algorithm || !fits(key, algorithm)) return false;
  const { hash, options } = algorithm;
  if (key.type === 'secret') {
    const expected = createHmac(hash as string, key)
      .update(input)
      .digest();
    return signature.length === expected.length && timingSafeEqual(signature, expected);
  }
  // OpenSSL verifies a PSS signature without its leading zeros, too (RFC 8017 section 8.1.2, step 1).
  if (key.asymmetricKeyType === 'rsa' && signature.length !== modulusBytes(key)) return false;
  const verifyKey: VerifyKeyObjectInput = { key, ...options };
  return verify(hash, Buffer.from(input), verifyKey, signature);
}

function modulusBytes({ asymmetricKeyDetails }: KeyObject): number {
  return Math.ceil((asymmetricKeyDetails?.modulusLength ?? 0) / 8);
}

function fits(key: KeyObject, { type, curve }: Algorithm): boolean {
  if (key.type === 'secret') return type === 'secret';
  const { modulusLength = MIN_RSA_BITS, namedCurve } = { ...key.asymmetricKeyDetails };
  return key.asymmetricKeyType === type && namedCurve === curve && modulusLength >= MIN_RSA_BITS;
}
