import { generateKeyPairSync, type KeyObject } from 'node:crypto';

/** Key types of the tests, by the algorithm that they are for. */
const MAKERS = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

export type KeyAlgorithm = keyof typeof MAKERS;

/** A key pair in every form that something wants it in. */
export type Keys = {
  privateKey: KeyObject;
  publicKey: KeyObject;
  publicPem: string;
  privatePem: string;
  publicJwk: Record<string, unknown>;
  privateJwk: Record<string, unknown>;
};

/** A new key pair; its JWKs say `kid`, `alg` and `use`. */
export function newKeys(alg: KeyAlgorithm, kid: string = alg): Keys {
  const { privateKey, publicKey } = MAKERS[alg]();
  const named = { kid, alg, use: 'sig' };
  return {
    privateKey,
    publicKey,
    publicPem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    privatePem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    publicJwk: { ...publicKey.export({ format: 'jwk' }), ...named },
    privateJwk: { ...privateKey.export({ format: 'jwk' }), ...named },
  };
}
