import { KeyObject } from 'node:crypto';
import { type CryptoKey, errors, type JWTHeaderParameters } from 'jose';
import { ServiceError } from '../../errors.ts';
import { fetchText } from '../../fetch.ts';
import { withDeadline } from '../../time.ts';
import { createKeyStore, type FindKey, type KeyStore } from './store.ts';

const LIMITS = { maxBytes: 256 * 1024, timeoutMs: 2_000 };
/** Including the fetch timeouts, a removed key is refused within 60 s. */
const REFRESH_MS = 54_000;
const RETRY_MS = 30_000;
const RETRY_WITHOUT_KEYS_MS = 2_000;
const UNKNOWN_MS = 5_000;
const UNKNOWN_AFTER_MISSES_MS = 30_000;
const MAX_MISSES = 10;
/** How long a request waits for keys. */
const WAIT_MS = 2_500;

/** The current keys of an OpenID provider (RFC 7517 section 5). */
export type Jwks = {
  /**
   * The key for a JWS header.
   *
   * @throws {ServiceError} `dependency_unavailable` when no keys are available, `key_unknown` when the key is
   * unknown and the fetch limit does not allow a fetch yet
   * @throws {errors.JOSEError} when no key or several keys match
   */
  key: FindKey;
  /** The key for a header without `kid`; fetches first if the last fetch was more than 5 s ago. */
  latestKey(header: JWTHeaderParameters): Promise<CryptoKey | undefined>;
  /** Fetches once, then refreshes every minute in the background. Never rejects. */
  start(): Promise<void>;
  /** The last fetch succeeded. */
  healthy(): boolean;
  /** Keys are available, possibly cached ones during an outage. */
  usable(): boolean;
  close(): void;
};

export type JwksOptions = {
  /** Returns the URL of the key set; may reject. */
  locate(): Promise<string>;
  /** Called after each fetch: with the error if it failed, and the URL if it is known. */
  onFetch(error?: unknown, url?: string): void;
  /** How far our clock is ahead of the provider's. */
  onClock(secondsAhead: number): void;
  /** Called when the keys change or expire: cached verifications are no longer valid. */
  onChange(): void;
  /** Monotonic milliseconds. */
  clock?: () => number;
};

/**
 * A key set over HTTP, cached for an hour while the provider is down. An unknown key triggers a fetch at most
 * every 5 s, and at most every 30 s after ten such fetches without a match.
 */
export function createJwks(options: JwksOptions): Jwks {
  const { onChange, clock = monotonic } = options;
  const store = createKeyStore(onChange, clock);
  let attemptedAt = Number.NEGATIVE_INFINITY;
  let failed = false;
  let misses = 0;

  const onFetch = (error?: unknown, url?: string) => {
    failed = error !== undefined;
    // Requests that waited for a slow fetch must not start another one.
    attemptedAt = clock();
    options.onFetch(error, url);
  };
  const work = () => {
    attemptedAt = clock();
    return fetchKeys(store, { ...options, onFetch });
  };
  const fetching = createRepeater(work, () => {
    if (!store.usable()) return RETRY_WITHOUT_KEYS_MS;
    return failed ? RETRY_MS : REFRESH_MS;
  });

  /** Fetches a key other than `known`; false when the fetch limit does not allow it yet. */
  async function fetchFor(header: JWTHeaderParameters, known?: CryptoKey): Promise<boolean> {
    const wait = misses < MAX_MISSES ? UNKNOWN_MS : UNKNOWN_AFTER_MISSES_MS;
    if (clock() - attemptedAt < wait) {
      await inTime(fetching.pending());
      return false;
    }
    if (!(await inTime(fetching.run()))) return false;
    misses = isSameKey(await store.find(header), known) ? misses + 1 : 0;
    return true;
  }

  return {
    async key(header) {
      if (!store.usable()) await inTime(fetching.pending());
      if (!store.usable()) throw unavailable();
      const key = await store.find(header);
      if (key) return key;
      // The key exists for another use or algorithm; a fetch would not change that.
      if (store.has(header.kid)) throw new errors.JWKSNoMatchingKey();
      const wasFetched = await fetchFor(header);
      const fetched = await store.find(header);
      if (fetched) return fetched;
      // The provider is unreachable: the key may be new, so it can be neither trusted nor refused.
      if (failed || !store.usable()) throw unavailable();
      if (wasFetched || store.wasRemoved(header.kid)) throw new errors.JWKSNoMatchingKey();
      throw new ServiceError('key_unknown', { retryAfter: 5, reason: { code: 'key_unknown' } });
    },
    async latestKey(header) {
      await fetchFor(header, await store.find(header));
      return store.find(header);
    },
    start: fetching.run,
    healthy: () => store.usable() && !failed,
    usable: store.usable,
    close() {
      store.close();
      fetching.stop();
    },
  };
}

/** Fetches the keys into the store. Never rejects. */
async function fetchKeys(
  { keep }: Pick<KeyStore, 'keep'>,
  { locate, onFetch, onClock }: Omit<JwksOptions, 'onChange'>,
): Promise<void> {
  let url: string | undefined;
  try {
    url = await locate();
    keep(await fetchText(url, { ...LIMITS, onClock }));
    onFetch();
  } catch (error) {
    onFetch(error, url);
  }
}

function isSameKey(a: CryptoKey | undefined, b: CryptoKey | undefined): boolean {
  return a === b || (a && b && KeyObject.from(a).equals(KeyObject.from(b))) === true;
}

/** Resolves to false if `fetching` takes longer than a request may wait. */
function inTime(fetching: Promise<void> | undefined): Promise<boolean> {
  const ended = Promise.resolve(fetching).then(() => true);
  return withDeadline(ended, WAIT_MS, () => false);
}

function monotonic(): number {
  return performance.now();
}

/** Runs `work` one call at a time, and repeats it `delay()` milliseconds after each run. */
function createRepeater(work: () => Promise<void>, delay: () => number) {
  let pending: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const run = () => {
    pending ??= work().finally(() => {
      pending = undefined;
      clearTimeout(timer);
      if (!stopped) timer = setTimeout(run, delay()).unref();
    });
    return pending;
  };
  return {
    run,
    pending: () => pending,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

function unavailable(): ServiceError {
  return new ServiceError('dependency_unavailable', { reason: { code: 'jwks_unavailable' } });
}
