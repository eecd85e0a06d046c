import { createHash } from 'node:crypto';
import { type ClientContext, Redis, type Result } from 'ioredis';
import { watchDependency } from '../dependency.ts';
import type { Counter } from './rate-limit.ts';

const TIMEOUT_MS = 150;
const RETRY_EVERY_MS = 1_000;
const PREFIX = 'zego-video-token:rate:';

/** Increments atomically and starts the window with the first request. */
const INCREMENT = `
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return { count, redis.call('PTTL', KEYS[1]) }`;

const CONNECTION_CLOSED = Object.assign(new Error('connection closed'), { code: 'ECONNRESET' });

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
  /** Used while Redis does not answer. */
  fallback: Counter;
  /** Called when Redis fails, with the error, when the error reply changes, and when Redis recovers. */
  onChange(shared: boolean, error?: unknown): void;
};

/** Counts in Redis by hashed keys; falls back when Redis does not answer within 150 ms. */
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
  let loggedReply: string | undefined;
  let skipRedisUntil = 0;
  let isClosing = false;
  const count = (key: string, windowMs: number) => redis.incrementWindow(PREFIX + key, windowMs);
  const dependency = watchDependency({
    ask: count,
    async probe() {
      // Not PING: Redis may answer it and still refuse scripts.
      await count('probe', RETRY_EVERY_MS);
      setShared(true);
    },
    probeEveryMs: RETRY_EVERY_MS,
  });
  const setShared = (isShared: boolean, error?: unknown) => {
    if (isShared) dependency.up();
    else dependency.down();
    skipRedisUntil = isShared ? 0 : performance.now() + RETRY_EVERY_MS;
    const reply = replyOf(error);
    // An error reply after a timeout is a new cause.
    const isNew = shared !== isShared || (reply !== undefined && reply !== loggedReply);
    if (isShared || reply) loggedReply = reply;
    if (isNew) onChange(isShared, error);
    shared = isShared;
  };
  // Without a listener, an `error` event would end the process.
  redis.on('error', (error) => setShared(false, error));
  redis.on('close', () => !isClosing && setShared(false, CONNECTION_CLOSED));

  return {
    async increment(key, windowMs) {
      if (performance.now() < skipRedisUntil) return fallback.increment(key, windowMs);
      try {
        const [counted, ttlMs] = await dependency.ask(hash(key), windowMs);
        setShared(true);
        return { count: counted, ttlMs };
      } catch (error) {
        setShared(false, error);
        return fallback.increment(key, windowMs);
      }
    },
    healthy: dependency.healthy,
    close() {
      isClosing = true;
      dependency.close();
      redis.disconnect();
    },
  };
}

/** The error code of a Redis reply, such as NOAUTH. */
function replyOf(error: unknown): string | undefined {
  const { name, message = '' } = (error ?? {}) as Error;
  return name === 'ReplyError' ? message.split(' ', 1)[0] : undefined;
}

/** Keeps addresses and user ids out of Redis. */
function hash(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}
