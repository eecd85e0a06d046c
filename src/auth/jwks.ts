import { type CryptoKey, createLocalJWKSet, errors, type JWTHeaderParameters } from 'jose';
import { z } from 'zod';
import { ServiceError } from '../errors.ts';
import { fetchText } from '../fetch.ts';

const LIMITS = { maxBytes: 256 * 1024, timeoutMs: 2_000 };
const KEEP_MS = 3_600_000;
/** With the time-outs of a fetch, a key that was taken away is refused within 60 s. */
const REFRESH_MS = 54_000;
const RETRY_MS = 30_000;
const RETRY_WITHOUT_KEYS_MS = 2_000;
const UNKNOWN_MS = 5_000;
const UNKNOWN_AFTER_MISSES_MS = 30_000;
const MAX_MISSES = 10;

/** The key for a JWS header; rejects with an error of jose when none or several fit. */
type FindKey = (header: JWTHeaderParameters) => Promise<CryptoKey>;

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
  const { locate, onFetch, onClock, clock = monotonic } = options;
  const store = createKeyStore(options.onChange, clock);
  let attemptedAt = Number.NEGATIVE_INFINITY;
  let failed = false;
  let misses = 0;

  async function fetchKeys(): Promise<void> {
    attemptedAt = clock();
    let url: string | undefined;
    try {
      url = await locate();
      store.keep(await fetchText(url, { ...LIMITS, onClock }));
      failed = false;
      onFetch();
    } catch (error) {
      failed = true;
      onFetch(error, url);
    }
  }

  const fetching = createRepeater(fetchKeys, () => {
    if (!store.usable()) return RETRY_WITHOUT_KEYS_MS;
    return failed ? RETRY_MS : REFRESH_MS;
  });

  /** @returns false when it is too early to ask for an unknown key */
  async function fetchFor(header: JWTHeaderParameters): Promise<boolean> {
    const wait = misses < MAX_MISSES ? UNKNOWN_MS : UNKNOWN_AFTER_MISSES_MS;
    if (clock() - attemptedAt < wait) {
      await fetching.pending();
      return false;
    }
    await fetching.run();
    misses = (await store.find(header)) ? 0 : misses + 1;
    return true;
  }

  return {
    async key(header) {
      if (!store.usable()) await fetching.pending();
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
      throw new ServiceError('retry', { retryAfter: 5, cause: { code: 'key_unknown' } });
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

type KeySet = { text: string; kids: Set<unknown>; fetchedAt: number; find: FindKey };

/** The key set that was read last, for an hour. */
function createKeyStore(onChange: () => void, clock: () => number) {
  let kept: KeySet | undefined;
  let takenAway: Set<unknown> = new Set();
  let expiry: NodeJS.Timeout | undefined;
  const current = () => (kept && clock() - kept.fetchedAt < KEEP_MS ? kept : undefined);
  return {
    usable: () => current() !== undefined,
    /** Undefined when no key fits. */
    async find(header: JWTHeaderParameters): Promise<CryptoKey | undefined> {
      try {
        return await current()?.find(header);
      } catch (error) {
        if (error instanceof errors.JWKSNoMatchingKey) return undefined;
        throw error;
      }
    },
    has: (kid: unknown) => kid !== undefined && current()?.kids.has(kid) === true,
    /** The provider had such a key, and withdrew it. */
    wasTakenAway: (kid: unknown) => takenAway.has(kid),
    keep(text: string): void {
      const fresh = { text, ...parseKeys(text), fetchedAt: clock() };
      if (kept && kept.text !== text) {
        takenAway = kept.kids.difference(fresh.kids);
        onChange();
      }
      kept = fresh;
      // Credentials that these keys verified must not outlive them.
      clearTimeout(expiry);
      expiry = setTimeout(onChange, KEEP_MS).unref();
    },
    close: () => clearTimeout(expiry),
  };
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

const keySetSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

/** jose picks by algorithm, id and use, and lends no symmetric, private or encryption key. */
function parseKeys(text: string): Pick<KeySet, 'find' | 'kids'> {
  const set = keySetSchema.parse(JSON.parse(text));
  return { find: createLocalJWKSet(set), kids: new Set(set.keys.map(({ kid }) => kid)) };
}

function unavailable(): ServiceError {
  return new ServiceError('dependency_unavailable', { cause: { code: 'jwks_unavailable' } });
}
