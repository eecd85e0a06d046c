import { type AsymmetricKeyDetails, createPublicKey, type KeyObject } from 'node:crypto';

/** Key families of JWS (RFC 7518 section 3, RFC 8037, RFC 9864) and their algorithms. */
const FAMILIES = {
  HMAC: ['HS256', 'HS384', 'HS512'],
  RSA: ['RS256', 'RS384', 'RS512'],
  'RSA-PSS': ['PS256', 'PS384', 'PS512'],
  EC: ['ES256', 'ES384', 'ES512'],
  EdDSA: ['EdDSA', 'Ed25519'],
} as const;

export type Family = keyof typeof FAMILIES;

/** The families of a list of algorithms; undefined stands for an unknown algorithm. */
export function familiesOf(algorithms: readonly string[]): Set<Family | undefined> {
  return new Set(algorithms.map(familyOf));
}

/** Default algorithms by kind of key. */
export const DEFAULT_ALGORITHMS = {
  secret: ['HS256'],
  jwks: ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'],
} as const;

function familyOf(algorithm: string): Family | undefined {
  const names = Object.keys(FAMILIES) as Family[];
  return names.find((name) => (FAMILIES[name] as readonly string[]).includes(algorithm));
}

const MIN_RSA_BITS = 2048;
const EC_ALGORITHMS: Record<string, string> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/** A public key and its algorithms. */
export type PublicKey = { key: KeyObject; families: Family[]; defaultAlgorithms: string[] };

/**
 * Reads a public key from PEM (SPKI or certificate) or JWK text.
 *
 * @throws {Error} with a message for the operator that does not quote the key
 */
export function parsePublicKey(text: string): PublicKey {
  const jwk = text.trimStart().startsWith('{') ? parseJwk(text) : undefined;
  // createPublicKey would accept a private key and derive the public one from it.
  if (jwk ? 'd' in jwk || jwk.kty === 'oct' : text.includes('PRIVATE KEY')) {
    throw new Error('this is a private or secret key; give the public one');
  }
  // One-line environment variables often contain the line ends as \n.
  return classify(readKey(jwk ?? text.trim().replaceAll('\\n', '\n')));
}

function readKey(source: string | Record<string, unknown>): KeyObject {
  try {
    return typeof source === 'string'
      ? createPublicKey(source)
      : createPublicKey({ key: source, format: 'jwk' });
  } catch {
    throw new Error('must be a public key as PEM or JWK');
  }
}

function classify(key: KeyObject): PublicKey {
  const details = key.asymmetricKeyDetails as AsymmetricKeyDetails;
  const { modulusLength = 0, namedCurve = '' } = details;
  const ecAlgorithm = EC_ALGORITHMS[namedCurve];
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= MIN_RSA_BITS) {
    return { key, families: ['RSA', 'RSA-PSS'], defaultAlgorithms: ['RS256'] };
  }
  if (key.asymmetricKeyType === 'ec' && ecAlgorithm) {
    return { key, families: ['EC'], defaultAlgorithms: [ecAlgorithm] };
  }
  if (key.asymmetricKeyType === 'ed25519') {
    return { key, families: ['EdDSA'], defaultAlgorithms: ['EdDSA', 'Ed25519'] };
  }
  throw new Error(
    'must be an RSA key of at least 2048 bits, an EC key on P-256, P-384 or P-521, or an Ed25519 key',
  );
}

function parseJwk(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('must be a public key as PEM or JWK');
  }
}

/** Whether a text is a key in a common format: PEM, SSH, JWK, JWKS, or DER in base64. */
export function isKeyText(text: string): boolean {
  if (/-----BEGIN |^\s*(ssh-|ecdsa-)/.test(text)) return true;
  if (/^\s*[{[]/.test(text)) return /"(kty|keys)"/.test(text);
  try {
    createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
    return true;
  } catch {
    return false;
  }
}
