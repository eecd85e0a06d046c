import { KeyObject } from 'node:crypto';
import { type CryptoKey, errors, type JWTHeaderParameters } from 'jose';
import { ServiceError } from '../../errors.ts';
import { fetchText } from '../../fetch.ts';
import { withDeadline } from '../../time.ts';
import { createKeyStore, type FindKey, type KeyStore } from './store.ts';

const LIMITS = { maxBytes: 256 * 1024, timeoutMs: 2_000 };
/** With the time-outs of a fetch, a key that was taken away is refused within 60 s. */
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
   * @throws {ServiceError} `dependency_unavailable` when there is nothing to verify with, `retry` when the
   * key is unknown and it is too early to ask for it
   * @throws {errors.JWKSNoMatchingKey} and others of jose when no key fits
   */
  key: FindKey;
  /** The key for a header without `kid`, after a new fetch if the last is older than 5 s. */
  latestKey(header: JWTHeaderParameters): Promise<CryptoKey | undefined>;
  /** Fetches once, then again within every minute in the background. Never rejects. */
  start(): Promise<void>;
  /** The last fetch went well. */
  healthy(): boolean;
  /** There are keys to verify with: the provider's present ones, or those kept during an outage. */
  usable(): boolean;
  close(): void;
};

export type JwksOptions = {
  /** The address of the key set; may reject. */
  locate(): Promise<string>;
  /** Without an error when the fetch went well; with the address, where that was found. */
  onFetch(error?: unknown, url?: string): void;
  /** How far our clock is ahead of the provider's. */
  onClock(secondsAhead: number): void;
  /** The keys have changed, or are too old to be used: what they verified must not be trusted any longer. */
  onChange(): void;
  /** Monotonic milliseconds. */
  clock?: () => number;
};

/**
 * Keys by HTTP, kept for an hour when the provider is down. For unknown keys they are fetched every 5 s at
 * most, and every 30 s after ten such fetches in a row have found nothing.
 */
export function createJwks(options: JwksOptions): Jwks {
  const { onChange, clock = monotonic } = options;
  const store = createKeyStore(onChange, clock);
  let attemptedAt = Number.NEGATIVE_INFINITY;
  let failed = false;
  let misses = 0;

  const onFetch = (error?: unknown, url?: string) => {
    failed = error !== undefined;
    // Requests that waited for a slow fetch do not wait for another one.
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

  /** False when it is too early to ask for a key other than the one that is `known`. */
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
      // It is there, for another use or algorithm: a fetch would find the same.
      if (store.has(header.kid)) throw new errors.JWKSNoMatchingKey();
      const wasFetched = await fetchFor(header);
      const fetched = await store.find(header);
      if (fetched) return fetched;
      // A key that a provider out of reach may just have made can neither be trusted nor refused.
      if (failed || !store.usable()) throw unavailable();
      if (wasFetched || store.wasTakenAway(header.kid)) throw new errors.JWKSNoMatchingKey();
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

/** Runs `work` once at a time, and again by itself after the milliseconds that `delay` says. */
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
