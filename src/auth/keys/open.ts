import { createSecretKey, type KeyObject } from 'node:crypto';
import type { SetKey } from '../../config/identity/key-set.ts';
import type { ProviderKey } from '../../config/identity/provider-keys.ts';
import type { Outbound } from '../../outbound.ts';
import { createDiscovery } from './discovery.ts';
import { createJwks, type Jwks, type JwksOptions } from './jwks.ts';
import { selectKeys } from './store.ts';

/** A key, and the only issuers that it signs for. */
export type VerificationKey = Pick<SetKey, 'key' | 'issuers'>;

/** The verification keys for some algorithms. */
export type KeySource = {
  algorithms: readonly string[];
  /** The keys that may have made the signature of a JWS; see {@link Jwks.find}. */
  find(
    header: Parameters<Jwks['find']>[0],
  ): readonly VerificationKey[] | Promise<readonly VerificationKey[]>;
  /** The key of a JWS that no known key has verified; absent when keys do not change. */
  findLatest?: Jwks['findLatest'];
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
  /** Entries of a new key set are skipped, each for a reason. */
  keysSkipped?(issuer: string, skipped: readonly string[]): void;
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
  outbound: Outbound,
): Promise<KeySource> {
  switch (key.kind) {
    case 'secret':
      return constant(key.algorithms, createSecretKey(key.secret));
    case 'publicKey':
      return constant(key.algorithms, key.publicKey.key);
    case 'keySet': {
      const { keys, skipped } = key.keySet;
      if (skipped.length > 0) events.keysSkipped?.(issuer, skipped);
      return fixed(key.algorithms, (header) => selectKeys(keys, header));
    }
    case 'jwks':
      return openKeySet(key.algorithms, { locate: async () => key.url, outbound }, issuer, events);
    case 'discovery': {
      const discovery = createDiscovery({ ...key, outbound });
      const { jwksUrl: locate, issuer: discoveredIssuer, forget, checkAddress } = discovery;
      const document = `${key.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
      const fetching = { locate, outbound, checkAddress };
      const source = await openKeySet(key.algorithms, fetching, issuer, {
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
  fetching: Pick<JwksOptions, 'locate' | 'outbound' | 'checkAddress'>,
  issuer: string,
  { jwksFetched, keysSkipped, clockCompared, onChange }: KeyEvents,
): Promise<KeySource> {
  const { start, ...jwks } = createJwks({
    algorithms,
    ...fetching,
    onFetch: (error, url) => jwksFetched(issuer, error === undefined ? 'ok' : 'error', error, url),
    onSkipped: (skipped) => keysSkipped?.(issuer, skipped),
    onClock: (secondsAhead) => clockCompared(issuer, secondsAhead),
    onChange,
  });
  await start();
  return { ...jwks, algorithms, discoveredIssuer: () => undefined };
}

function constant(algorithms: readonly string[], key: KeyObject): KeySource {
  const keys = [{ key, issuers: undefined }];
  return fixed(algorithms, () => keys);
}

function fixed(algorithms: readonly string[], find: KeySource['find']): KeySource {
  return {
    algorithms,
    find,
    discoveredIssuer: () => undefined,
    healthy: () => true,
    usable: () => true,
    close: () => {},
  };
}
