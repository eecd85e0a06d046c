import { createSecretKey, KeyObject } from 'node:crypto';
import { type CryptoKey, errors, type JWTHeaderParameters } from 'jose';
import type { ProviderKey } from '../../config/identity/provider-keys.ts';
import { ServiceError } from '../../errors.ts';
import { refuse } from '../claims.ts';
import { createDiscovery } from './discovery.ts';
import { createJwks } from './jwks.ts';

/** The verification keys for some algorithms. */
export type KeySource = {
  algorithms: readonly string[];
  /**
   * The key for the header of a JWS.
   *
   * @throws {ServiceError} `dependency_unavailable` or `key_unknown` when the keys are not available now
   * @throws {errors.JOSEError} when no key matches
   */
  find(header: JWTHeaderParameters): KeyObject | Promise<KeyObject>;
  /**
   * Like `find`, after a new fetch: a key without `kid` may have been replaced. Absent when keys do not
   * change.
   */
  findLatest?(header: JWTHeaderParameters): Promise<KeyObject | undefined>;
  /** The `issuer` of the discovery document. */
  discoveredIssuer(): string | undefined;
  healthy(): boolean;
  /** Keys are available. */
  usable(): boolean;
  close(): void;
};

export type KeyEvents = {
  /** A key set was fetched, or the fetch failed with `error`. */
  jwksFetched(issuer: string, result: 'ok' | 'error', error?: unknown, url?: string): void;
  /** How far our clock is ahead of the issuer's. */
  clockCompared(issuer: string, secondsAhead: number): void;
  /** The keys have changed or expired. */
  onChange(): void;
};

/** Opens a provider's key. For a key set, waits for the first fetch, even if it fails. */
export async function openKeys(
  key: ProviderKey,
  issuer: string,
  events: KeyEvents,
): Promise<KeySource> {
  switch (key.kind) {
    case 'secret':
      return constant(key.algorithms, createSecretKey(key.secret));
    case 'publicKey':
      return constant(key.algorithms, key.publicKey.key);
    case 'jwks':
      return openKeySet(key.algorithms, async () => key.url, issuer, events);
    case 'discovery': {
      const { jwksUrl, issuer: discoveredIssuer, forget } = createDiscovery(key);
      const document = `${key.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
      const source = await openKeySet(key.algorithms, jwksUrl, issuer, {
        ...events,
        jwksFetched(name, result, error, url) {
          if (result === 'error') forget();
          events.jwksFetched(name, result, error, url ?? document);
        },
      });
      return { ...source, discoveredIssuer };
    }
  }
}

async function openKeySet(
  algorithms: readonly string[],
  locate: () => Promise<string>,
  issuer: string,
  { jwksFetched, clockCompared, onChange }: KeyEvents,
): Promise<KeySource> {
  const onFetch = (error?: unknown, url?: string) =>
    jwksFetched(issuer, error === undefined ? 'ok' : 'error', error, url);
  const onClock = (secondsAhead: number) => clockCompared(issuer, secondsAhead);
  const { key, latestKey, start, ...jwks } = createJwks({ locate, onFetch, onClock, onChange });
  const objects = new WeakMap<CryptoKey, KeyObject>();
  const toObject = (found: CryptoKey) => {
    const object = objects.get(found) ?? KeyObject.from(found);
    objects.set(found, object);
    return object;
  };
  await start();
  return {
    ...jwks,
    algorithms,
    discoveredIssuer: () => undefined,
    find: async (header) => toObject(await key(header)),
    async findLatest(header) {
      const found = await latestKey(header);
      return found && toObject(found);
    },
  };
}

function constant(algorithms: readonly string[], key: KeyObject): KeySource {
  return {
    algorithms,
    find: () => key,
    discoveredIssuer: () => undefined,
    healthy: () => true,
    usable: () => true,
    close: () => {},
  };
}

/** Calls `find`, and refuses the credential when no usable key matches. */
export async function findKey<T>(find: () => T | Promise<T>): Promise<T> {
  try {
    return await find();
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    if (error instanceof errors.JWKSNoMatchingKey) throw refuse('key_not_in_set');
    // Several keys match, or Web Crypto cannot import the one that does.
    throw refuse('key_unusable', undefined, (error as Error).name);
  }
}
