import { type CryptoKey, importJWK } from 'jose';
import type { AuthEvents } from './credential.ts';
import { createJwks, type FindKey } from './jwks.ts';
import type { Provider, ProviderKey } from './provider.ts';

/** Where one provider's verification keys come from. */
export type KeySource = {
  find: FindKey;
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
  if (key.kind === 'jwks') {
    const onFetch = (result: 'ok' | 'error') => events.jwksFetched(issuer, result);
    const jwks = createJwks({ url: key.url, onFetch, onChange });
    await jwks.start();
    return { find: jwks.key, healthy: jwks.healthy, usable: jwks.usable, close: jwks.close };
  }
  const keys = await importKeys(key, algorithms);
  return {
    find: async (header) => keys[header.alg] as CryptoKey,
    healthy: () => true,
    usable: () => true,
    close: () => {},
  };
}

/** A CryptoKey is bound to one algorithm; jose verifies with it fastest when imported once. */
async function importKeys(key: Exclude<ProviderKey, { kind: 'jwks' }>, algorithms: string[]) {
  const imports = algorithms.map(async (alg) => [alg, await importKey(key, alg)] as const);
  return Object.fromEntries(await Promise.all(imports));
}

async function importKey(key: Exclude<ProviderKey, { kind: 'jwks' }>, alg: string) {
  if (key.kind === 'secret') {
    const hash = alg.replace('HS', 'SHA-');
    return crypto.subtle.importKey('raw', key.secret, { name: 'HMAC', hash }, false, ['verify']);
  }
  const jwk = key.publicKey.key.export({ format: 'jwk' });
  return importJWK(jwk as Parameters<typeof importJWK>[0], alg);
}
