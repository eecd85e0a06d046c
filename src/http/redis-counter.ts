import { createHash } from 'node:crypto';
import { type ClientContext, Redis, type Result } from 'ioredis';
import { createHealth } from '../probe.ts';
import type { Counter } from './rate-limit.ts';

const TIMEOUT_MS = 150;
const RETRY_EVERY_MS = 1_000;
const PREFIX = 'zego-video-token:rate:';

/** One step for all replicas: count, and start the window with the first. */
const INCREMENT = `
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return { count, redis.call('PTTL', KEYS[1]) }`;

declare module 'ioredis' {
  interface RedisCommander<Context extends ClientContext> {
    incrementWindow(key: string, windowMs: number): Result<[count: number, ttlMs: number], Context>;
  }
}

/** A counter that replicas share while Redis answers. */
export type SharedCounter = Counter & {
  healthy(): boolean;
  close(): void;
};

export type RedisCounterOptions = {
  url: string;
  /** Counts while Redis does not answer. */
  fallback: Counter;
  /** Redis stopped answering, with the error, or answers again. */
  onChange(shared: boolean, error?: unknown): void;
};

/** Counts in Redis, by hashed keys, and in the fallback within 150 ms of Redis falling silent. */
export function createRedisCounter({
  url,
  fallback,
  onChange,
}: RedisCounterOptions): SharedCounter {
  const redis = new Redis(url, {
    commandTimeout: TIMEOUT_MS,
    connectTimeout: 1_000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => RETRY_EVERY_MS,
    scripts: { incrementWindow: { lua: INCREMENT, numberOfKeys: 1 } },
  });
  let shared: boolean | undefined;
  let silentUntil = 0;
  const health = createHealth(async () => {
    await redis.ping();
    set(true);
  }, RETRY_EVERY_MS);
  const set = (now: boolean, error?: unknown) => {
    if (now) health.up();
    else health.down();
    if (shared !== now) onChange(now, error);
    shared = now;
  };
  // Every failure is seen by the command that it fails; without a listener it would end the process.
  redis.on('error', (error) => set(false, error));

  return {
    async increment(key, windowMs) {
      if (performance.now() < silentUntil) return fallback.increment(key, windowMs);
      try {
        const [count, ttlMs] = await redis.incrementWindow(PREFIX + hash(key), windowMs);
        set(true);
        silentUntil = 0;
        return { count, ttlMs };
      } catch (error) {
        set(false, error);
        silentUntil = performance.now() + RETRY_EVERY_MS;
        return fallback.increment(key, windowMs);
      }
    },
    healthy: health.healthy,
    close() {
      health.close();
      redis.disconnect();
    },
  };
}

/** Redis needs to know neither addresses nor users. */
function hash(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}
