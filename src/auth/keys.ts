import { createSecretKey } from 'node:crypto';
import {
  type CryptoKey,
  importJWK,
  type JWK,
  type JWTHeaderParameters,
  type JWTVerifyResult,
  jwtVerify,
} from 'jose';
import type { AuthEvents, JwtChecks } from './credential.ts';
import { verifyHmac } from './signature.ts';
import { createJwks } from './jwks.ts';
import type { Provider } from './provider.ts';
import type { PublicKey } from './public-key.ts';

/** What one provider's JWTs are held against. */
export type KeySource = {
  /** As jose's `jwtVerify`, and with its errors. */
  verify(token: string, checks: JwtChecks): Promise<JWTVerifyResult> | JWTVerifyResult;
  healthy(): boolean;
  usable(): boolean;
  close(): void;
};

/** Opens a provider's keys; those of a JWKS when the first fetch has ended, well or not. */
export async function openKeys(
  { key, algorithms, issuer = '' }: Provider,
  events: AuthEvents,
  onChange: () => void,
): Promise<KeySource> {
  switch (key.kind) {
    case 'secret': {
      const secret = createSecretKey(key.secret);
      return constant((token, checks) => verifyHmac(token, secret, checks));
    }
    case 'publicKey': {
      const keys = await importKeys(key.publicKey, algorithms);
      return constant((token, checks) =>
        jwtVerify(token, ({ alg }: JWTHeaderParameters) => keys[alg] as CryptoKey, checks),
      );
    }
    case 'jwks': {
      const onFetch = (result: 'ok' | 'error') => events.jwksFetched(issuer, result);
      const { key: find, start, ...jwks } = createJwks({ url: key.url, onFetch, onChange });
      await start();
      return { ...jwks, verify: (token, checks) => jwtVerify(token, find, checks) };
    }
  }
}

function constant(verify: KeySource['verify']): KeySource {
  return { verify, healthy: () => true, usable: () => true, close: () => {} };
}

/** A CryptoKey is bound to one algorithm; jose verifies with it fastest when imported once. */
async function importKeys({ key }: PublicKey, algorithms: string[]) {
  const jwk = key.export({ format: 'jwk' }) as JWK;
  const imports = algorithms.map(async (alg) => [alg, await importJWK(jwk, alg)] as const);
  return Object.fromEntries(await Promise.all(imports));
}
