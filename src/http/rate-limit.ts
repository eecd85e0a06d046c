import { isIPv4 } from 'node:net';
import rateLimit, { normalizeIP } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ServiceError } from '../errors.ts';
import type { Count, Counter } from './counter.ts';
import { addressOf } from './audit.ts';

const WINDOW_MS = 60_000;

export type RateLimitOptions = {
  /** Requests a minute. */
  perIp: number;
  /** Requests a minute. */
  perUser: number;
  counter: Counter;
  onLimited(scope: 'ip' | 'user'): void;
};

/** Each rejects with `rate_limited` when its bound is passed. */
export type RateLimits = {
  /** By client address, IPv6 by /64. */
  byIp(request: FastifyRequest): Promise<void>;
  byUser(request: FastifyRequest, userId: string): Promise<void>;
};

/** Registers the limiter and returns its two checks. */
export async function createRateLimits(
  app: FastifyInstance,
  { perIp, perUser, counter, onLimited }: RateLimitOptions,
): Promise<RateLimits> {
  await app.register(rateLimit, { global: false, store: toStore(counter) });
  const users = new WeakMap<FastifyRequest, string>();
  const ipLimit = app.createRateLimit({
    max: perIp,
    timeWindow: WINDOW_MS,
    keyGenerator: (request) => `ip:${networkOf(addressOf(request))}`,
  });
  const userLimit = app.createRateLimit({
    max: perUser,
    timeWindow: WINDOW_MS,
    keyGenerator: (request) => `user:${users.get(request)}`,
  });

  async function check(limit: typeof ipLimit, scope: 'ip' | 'user', request: FastifyRequest) {
    const result = await limit(request);
    if (result.isAllowed || !result.isExceeded) return;
    onLimited(scope);
    throw new ServiceError('rate_limited', { retryAfter: Math.max(1, result.ttlInSeconds) });
  }

  return {
    byIp: (request) => check(ipLimit, 'ip', request),
    byUser(request, userId) {
      users.set(request, userId);
      return check(userLimit, 'user', request);
    },
  };
}

/** The plugin holds every address against the long pattern of an IPv6 one. */
function networkOf(address: string): string {
  return isIPv4(address) ? address : normalizeIP(address);
}

type Done = (error: Error | null, result?: { current: number; ttl: number }) => void;

/** The plugin makes its own stores, and asks for a constructor. */
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
