import { createSecretKey, KeyObject } from 'node:crypto';
import { type CryptoKey, errors, type JWTHeaderParameters } from 'jose';
import type { ProviderKey } from '../../config/identity/provider-keys.ts';
import { ServiceError } from '../../errors.ts';
import { refuse } from '../claims.ts';
import { createDiscovery } from './discovery.ts';
import { createJwks } from './jwks.ts';

/** The keys that signatures of some algorithms are verified with. */
export type KeySource = {
  algorithms: readonly string[];
  /**
   * The key for the header of a JWS.
   *
   * @throws {ServiceError} `dependency_unavailable` or `retry` when the keys cannot be had now
   * @throws {errors.JOSEError} when no key fits
   */
  find(header: JWTHeaderParameters): KeyObject | Promise<KeyObject>;
  /**
   * As `find`, after the keys were fetched anew: for a header without `kid`, whose key another one may have replaced.
   * Absent where keys do not change.
   */
  findLatest?(header: JWTHeaderParameters): Promise<KeyObject | undefined>;
  /** The issuer as its discovery document spells it. */
  discoveredIssuer(): string | undefined;
  healthy(): boolean;
  /** There are keys to verify with. */
  usable(): boolean;
  close(): void;
};

export type KeyEvents = {
  /** A key set has been fetched, or why not and from where. */
  jwksFetched(issuer: string, result: 'ok' | 'error', error?: unknown, url?: string): void;
  /** How far our clock is ahead of the issuer's. */
  clockCompared(issuer: string, secondsAhead: number): void;
  /** The keys have changed, or are too old to be used. */
  onChange(): void;
};

/** Opens a key of a provider; a key set when the first fetch has ended, well or not. */
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

/** What `find` finds; refuses the credential where that is no key that can be used. */
export async function findKey<T>(find: () => T | Promise<T>): Promise<T> {
  try {
    return await find();
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    if (error instanceof errors.JWKSNoMatchingKey) throw refuse('key_not_in_set');
    // Several keys fit, or the one that does cannot be read: Web Crypto has errors of its own.
    throw refuse('key_unusable', undefined, (error as Error).name);
  }
}
