import { type CryptoKey, createLocalJWKSet, errors, type JWTHeaderParameters } from 'jose';
import { z } from 'zod';
import { ServiceError } from '../errors.ts';
import { fetchText } from '../fetch.ts';

const MAX_BYTES = 256 * 1024;
const TIMEOUT_MS = 2_000;
const KEEP_MS = 3_600_000;
const REFRESH_MS = 300_000;
const COOLDOWN_MS = 30_000;
const RETRY_COLD_MS = 2_000;

/** The key for a JWS header; rejects with an error of jose when none or several fit. */
type FindKey = (header: JWTHeaderParameters) => Promise<CryptoKey>;

/** The current keys of an OpenID provider (RFC 7517 section 5). */
export type Jwks = {
  /**
   * The key for a JWS header.
   *
   * @throws {ServiceError} `dependency_unavailable` when there is nothing to verify with
   * @throws {errors.JWKSNoMatchingKey} and others of jose when no key fits
   */
  key: FindKey;
  /** Fetches once, then keeps the keys fresh in the background. Never rejects. */
  start(): Promise<void>;
  /** The last fetch went well. */
  healthy(): boolean;
  /** There are keys to verify with, fresh or kept. */
  usable(): boolean;
  close(): void;
};

export type JwksOptions = {
  url: string;
  /** With the error of a fetch that failed. */
  onFetch(result: 'ok' | 'error', error?: unknown): void;
  /** The keys are others than before. */
  onChange(): void;
  /** Monotonic milliseconds. */
  clock?: () => number;
};

type KeySet = { text: string; fetchedAt: number; find: FindKey };

/** Keys by HTTP, kept for an hour when the provider is down, fetched for strangers every 30 s at most. */
export function createJwks({ url, onFetch, onChange, clock = monotonic }: JwksOptions): Jwks {
  let kept: KeySet | undefined;
  let attemptedAt = Number.NEGATIVE_INFINITY;
  let failed = false;
  const usable = () => (kept && clock() - kept.fetchedAt < KEEP_MS ? kept : undefined);

  async function fetchKeys(): Promise<void> {
    attemptedAt = clock();
    let reason: unknown;
    try {
      const text = await fetchText(url, { maxBytes: MAX_BYTES, timeoutMs: TIMEOUT_MS });
      const changed = kept !== undefined && kept.text !== text;
      kept = { text, fetchedAt: clock(), find: parseKeys(text) };
      failed = false;
      if (changed) onChange();
    } catch (error) {
      failed = true;
      reason = error;
    }
    onFetch(failed ? 'error' : 'ok', reason);
  }

  const fetching = createRepeater(fetchKeys, () => {
    if (!usable()) return RETRY_COLD_MS;
    return failed ? COOLDOWN_MS : REFRESH_MS;
  });

  return {
    async key(header) {
      if (!usable()) await fetching.pending();
      const keys = usable();
      if (!keys) throw unavailable();
      try {
        return await keys.find(header);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      }
      if (clock() - attemptedAt >= COOLDOWN_MS) await fetching.run();
      else await fetching.pending();
      const fresh = usable();
      // A key that a provider out of reach may just have made can neither be trusted nor refused.
      if (failed || !fresh) throw unavailable();
      return fresh.find(header);
    },
    start: fetching.run,
    healthy: () => usable() !== undefined && !failed,
    usable: () => usable() !== undefined,
    close: fetching.stop,
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
function parseKeys(text: string): FindKey {
  return createLocalJWKSet(keySetSchema.parse(JSON.parse(text)));
}

function unavailable(): ServiceError {
  return new ServiceError('dependency_unavailable', { cause: { code: 'jwks_unavailable' } });
}
