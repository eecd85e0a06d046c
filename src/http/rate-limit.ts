import { isIPv4 } from 'node:net';
import rateLimit, { normalizeIP } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { ServiceError } from '../errors.ts';
import { addressOf } from './audit.ts';

const WINDOW_MS = 60_000;
const MAX_KEYS = 100_000;

/** The count in the current window, including this call, and the milliseconds until the window ends. */
type Count = { count: number; ttlMs: number };

/** Counts events per key in fixed windows. */
export type Counter = {
  increment(key: string, windowMs: number): Count | Promise<Count>;
};

export type RateLimitOptions = {
  /** Requests per minute. */
  perIp: number;
  /** Requests per minute. */
  perUser: number;
  counter: Counter;
  onLimited(scope: 'ip' | 'user'): void;
};

/** Each function rejects with `rate_limited` when the limit is exceeded. */
export type RateLimits = {
  /** By client address, IPv6 by /64. */
  byAddress(request: FastifyRequest): Promise<void>;
  /** By the user of `request.credential`. */
  byUser(request: FastifyRequest): Promise<void>;
};

/** Registers @fastify/rate-limit and returns the two checks. */
export async function createRateLimits(
  app: FastifyInstance,
  { perIp, perUser, counter, onLimited }: RateLimitOptions,
): Promise<RateLimits> {
  await app.register(rateLimit, { global: false, store: toStore(counter) });
  const addressLimit = app.createRateLimit({
    max: perIp,
    timeWindow: WINDOW_MS,
    keyGenerator: (request) => `ip:${networkOf(addressOf(request))}`,
  });
  const userLimit = app.createRateLimit({
    max: perUser,
    timeWindow: WINDOW_MS,
    keyGenerator: (request) => `user:${request.credential?.userId}`,
  });

  async function check(limit: typeof userLimit, scope: 'ip' | 'user', request: FastifyRequest) {
    const result = await limit(request);
    if (result.isAllowed || !result.isExceeded) return;
    onLimited(scope);
    throw new ServiceError('rate_limited', { retryAfter: Math.max(1, result.ttlInSeconds) });
  }

  return {
    byAddress: (request) => check(addressLimit, 'ip', request),
    byUser: (request) => check(userLimit, 'user', request),
  };
}

/** Skips normalizeIP for IPv4, because its IPv6 pattern is slow. */
function networkOf(address: string): string {
  return isIPv4(address) ? address : normalizeIP(address);
}

type Done = (error: Error | null, result?: { current: number; ttl: number }) => void;

/** Adapts a counter to a store class of the plugin (@fastify/rate-limit, "Custom store"). */
function toStore(counter: Counter) {
  return class Store {
    child() {
      return this;
    }
    incr(key: string, done: Done, windowMs: number) {
      const answer = ({ count, ttlMs }: Count) => done(null, { current: count, ttl: ttlMs });
      const counted = counter.increment(key, windowMs);
      if (counted instanceof Promise) counted.then(answer, done);
      else answer(counted);
    }
  };
}

type Window = { count: number; endsAt: number };

/**
 * A counter in memory. `clock` is monotonic milliseconds: setting back the wall clock by an hour would extend
 * a window by an hour.
 */
export function createMemoryCounter(clock = () => performance.now()): Counter {
  const windows = new LRUCache<string, Window>({ max: MAX_KEYS });
  return {
    increment(key, windowMs) {
      const now = clock();
      let window = windows.get(key);
      if (!window || window.endsAt <= now) {
        window = { count: 0, endsAt: now + windowMs };
        windows.set(key, window);
      }
      window.count++;
      return { count: window.count, ttlMs: window.endsAt - now };
    },
  };
}
