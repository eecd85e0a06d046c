import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { SetKey } from '../../config/identity/key-set.ts';
import { ServiceError } from '../../errors.ts';
import { createOutbound, type Outbound } from '../../outbound.ts';
import { withDeadline } from '../../time.ts';
import { createKeyStore, type KeyHeader, type KeyStore, type OnSkipped } from './store.ts';

const MAX_BYTES = 256 * 1024;
/** With the timeouts of two discovery documents and a key set, a removed key is refused within 60 s. */
const REMOVED_MS = 60_000;
const FETCHES = 3;
const RETRY_MS = 30_000;
const RETRY_WITHOUT_KEYS_MS = 2_000;
const UNKNOWN_MS = 5_000;
const UNKNOWN_AFTER_MISSES_MS = 30_000;
const MAX_MISSES = 10;
/** How long a request waits for keys. */
const WAIT_MS = 2_500;
/** JWTs without `iat` whose first refusal is remembered. */
const REMEMBERED = 10_000;

/** A JWS that no known key has verified. */
export type UnverifiedJws = {
  token: string;
  header: KeyHeader;
  /** The claim `iat`, which nobody has verified; undefined if it is missing or in the future. */
  issuedAt: number | undefined;
  /** Unix seconds. */
  now: number;
  /** An earlier key set verified it. */
  wasVerified: boolean;
  isSignedBy(key: SetKey): boolean;
};

/** The current keys of an OpenID provider (RFC 7517 section 5). */
export type Jwks = {
  /**
   * The keys that may have made a signature.
   *
   * @throws {ServiceError} `dependency_unavailable` when no keys are available, `credential_invalid` when
   * different keys have the `kid`
   */
  find(header: KeyHeader): readonly SetKey[] | Promise<readonly SetKey[]>;
  /**
   * The key of a JWS whose key is not known, or whose signature fails: the provider may have a new key, under a
   * known `kid` too. Fetches first, if the fetch limit allows it.
   *
   * @returns undefined when a key set that was fetched after the JWS was made has no key for it
   * @throws {ServiceError} `key_unknown` when no key set has been fetched since, `dependency_unavailable` when no
   * keys are available
   */
  findLatest(jws: UnverifiedJws): Promise<SetKey | undefined>;
  /** Fetches once, then refreshes every minute in the background. Never rejects. */
  start(): Promise<void>;
  /** The last fetch succeeded. */
  healthy(): boolean;
  /** Keys are available, possibly cached ones during an outage. */
  usable(): boolean;
  close(): void;
};

export type JwksOptions = {
  /** A set without a key for one of these counts as a failed fetch. */
  algorithms: readonly string[];
  /** Returns the URL of the key set; may reject. */
  locate(): Promise<string>;
  /** Called after each fetch: with the error if it failed, and the URL if it is known. */
  onFetch(error?: unknown, url?: string): void;
  /** How far our clock is ahead of the provider's. */
  onClock(secondsAhead: number): void;
  /** Called when the keys change or expire: cached verifications are no longer valid. */
  onChange(): void;
  onSkipped?: OnSkipped;
  /** Throws for an address of the key set that must not be connected to. */
  checkAddress?(address: string): void;
  outbound?: Outbound;
  /** Monotonic milliseconds. */
  clock?: () => number;
};

/**
 * A key set over HTTP, cached for an hour while the provider is down. A JWS without a known key triggers a fetch at
 * most every 5 s, and at most every 30 s after ten such fetches without its key.
 */
export function createJwks(options: JwksOptions): Jwks {
  const { onSkipped = () => {}, clock = () => performance.now() } = options;
  const { algorithms, onChange, outbound = createOutbound() } = options;
  const store = createKeyStore({ algorithms, onChange, onSkipped, clock });
  const wasFetchedSince = createFreshness(store, clock);
  let attemptedAt = Number.NEGATIVE_INFINITY;
  let [secondsAhead, misses] = [0, 0];
  let failed = false;

  const onFetch = (error?: unknown, url?: string) => {
    failed = error !== undefined;
    // Requests that waited for a slow fetch must not start another one.
    attemptedAt = clock();
    options.onFetch(error, url);
  };
  const onClock = (seconds: number) => {
    secondsAhead = Math.max(0, seconds);
    options.onClock(seconds);
  };
  const fetching = createRepeater(
    () => {
      attemptedAt = clock();
      return fetchKeys(store, { ...options, outbound, onFetch, onClock }, attemptedAt);
    },
    () => {
      if (!store.usable()) return RETRY_WITHOUT_KEYS_MS;
      return failed ? RETRY_MS : REMOVED_MS - FETCHES * outbound.timeoutMs;
    },
  );

  return {
    find(header) {
      if (store.usable()) return store.find(header);
      const found = () => (store.usable() ? store.find(header) : refuse());
      return inTime(fetching.pending()).then(found);
    },
    async findLatest(jws) {
      const arrivedAt = clock();
      const wait = misses < MAX_MISSES ? UNKNOWN_MS : UNKNOWN_AFTER_MISSES_MS;
      const mayFetch = arrivedAt - attemptedAt >= wait;
      const isDone = await inTime(mayFetch ? fetching.run() : fetching.pending());
      const key = store.find(jws.header).find(jws.isSignedBy);
      if (mayFetch && isDone) misses = key ? 0 : misses + 1;
      if (key) return key;
      if (!store.usable()) refuse();
      const isOwnFetch = mayFetch && store.askedAt() >= arrivedAt;
      if (isOwnFetch || wasFetchedSince(jws, arrivedAt, secondsAhead)) return undefined;
      throw new ServiceError('key_unknown', { retryAfter: 5, reason: { code: 'key_unknown' } });
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

/**
 * Tells whether the last key set was asked for after a JWS had been made: after an earlier set verified it, after this
 * request arrived, or after its `iat`. Without an `iat` in the past, after the JWS was first refused.
 */
function createFreshness({ askedAt }: Pick<KeyStore, 'askedAt'>, clock: () => number) {
  const firstRefusals = new LRUCache<string, number>({ max: REMEMBERED });
  return (jws: UnverifiedJws, arrivedAt: number, secondsAhead: number): boolean => {
    if (jws.wasVerified || askedAt() > arrivedAt) return true;
    const { issuedAt, now } = jws;
    // The JWS was made within the second of its `iat`, by a clock that may be behind ours.
    const made = issuedAt === undefined ? undefined : issuedAt + 1 + secondsAhead;
    if (made !== undefined && made <= now) return now + (askedAt() - arrivedAt) / 1000 >= made;
    if (issuedAt !== undefined) return false;
    const id = createHash('sha256').update(jws.token).digest('base64');
    const first = firstRefusals.get(id);
    if (first === undefined) firstRefusals.set(id, clock());
    return first !== undefined && askedAt() > first;
  };
}

/** Fetches the keys into the store. Never rejects. */
async function fetchKeys(
  { keep }: Pick<KeyStore, 'keep'>,
  {
    locate,
    onFetch,
    onClock,
    checkAddress,
    outbound,
  }: Pick<JwksOptions, 'locate' | 'onFetch' | 'onClock' | 'checkAddress'> & { outbound: Outbound },
  askedAt: number,
): Promise<void> {
  let url: string | undefined;
  try {
    url = await locate();
    keep(
      await outbound.fetchText(url, {
        maxBytes: MAX_BYTES,
        onClock,
        ...(checkAddress && { checkAddress }),
      }),
      askedAt,
    );
    onFetch();
  } catch (error) {
    onFetch(error, url);
  }
}

/** Resolves to false if `fetching` takes longer than a request may wait. */
function inTime(fetching: Promise<void> | undefined): Promise<boolean> {
  const ended = Promise.resolve(fetching).then(() => true);
  return withDeadline(ended, WAIT_MS, () => false);
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

function refuse(): never {
  throw new ServiceError('dependency_unavailable', { reason: { code: 'jwks_unavailable' } });
}
