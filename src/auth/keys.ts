import { createSecretKey, KeyObject } from 'node:crypto';
import type { CryptoKey, JWTHeaderParameters } from 'jose';
import { createJwks } from './jwks.ts';
import type { Provider } from './provider.ts';

/** The keys that one provider's signatures are verified with. */
export type KeySource = {
  /**
   * The key for the header of a JWS.
   *
   * @throws {ServiceError} `dependency_unavailable` when the keys cannot be had
   * @throws {errors.JOSEError} when no key fits
   */
  find(header: JWTHeaderParameters): KeyObject | Promise<KeyObject>;
  healthy(): boolean;
  /** There are keys to verify with, fresh or kept. */
  usable(): boolean;
  close(): void;
};

export type KeyEvents = {
  /** A key set has been fetched, or not: then with the error. */
  jwksFetched(issuer: string, result: 'ok' | 'error', error?: unknown): void;
  /** The keys are others than before. */
  onChange(): void;
};

/** Opens a provider's keys; those of a JWKS when the first fetch has ended, well or not. */
export async function openKeys(
  { key, issuer = '' }: Provider,
  { jwksFetched, onChange }: KeyEvents,
): Promise<KeySource> {
  switch (key.kind) {
    case 'secret':
      return constant(createSecretKey(key.secret));
    case 'publicKey':
      return constant(key.publicKey.key);
    case 'jwks': {
      const onFetch = (result: 'ok' | 'error', error?: unknown) =>
        jwksFetched(issuer, result, error);
      const { key: find, start, ...jwks } = createJwks({ url: key.url, onFetch, onChange });
      const objects = new WeakMap<CryptoKey, KeyObject>();
      await start();
      return {
        ...jwks,
        async find(header) {
          const found = await find(header);
          const object = objects.get(found) ?? KeyObject.from(found);
          objects.set(found, object);
          return object;
        },
      };
    }
  }
}

function constant(key: KeyObject): KeySource {
  return { find: () => key, healthy: () => true, usable: () => true, close: () => {} };
}
