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
