import { createHash } from 'node:crypto';
import { type ClientContext, Redis, type Result } from 'ioredis';
import { watchDependency } from '../dependency.ts';
import { causeOf } from '../messages/causes.ts';
import type { Counter } from './rate-limit.ts';

const TIMEOUT_MS = 150;
const RETRY_EVERY_MS = 1_000;
const PREFIX = 'zego-video-token:rate:';

/** Increments atomically and starts the window with the first request. */
const INCREMENT = `
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return { count, redis.call('PTTL', KEYS[1]) }`;

/** Causes of a Redis that is not the primary, or not yet: a failover or a proxy may have another one at its address. */
const NOT_PRIMARY = ['READONLY', 'LOADING', 'MASTERDOWN'];
/** So many keys that no node of a cluster has the slots of all. */
const CHECK_KEYS = Array.from({ length: 16 }, (_, index) => hash(`check ${index}`));

const CONNECTION_CLOSED = Object.assign(new Error('connection closed'), { code: 'ECONNRESET' });

declare module 'ioredis' {
  interface RedisCommander<Context extends ClientContext> {
    incrementWindow(key: string, windowMs: number): Result<[count: number, ttlMs: number], Context>;
  }
}

/** A counter that replicas share while Redis answers. */
export type SharedCounter = Counter & {
  healthy(): boolean;
  /** Counts once, with keys of many slots of a cluster, as soon as there is a connection. */
  checkWhenReady(): void;
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
export function createRedisCounter(options: RedisCounterOptions): SharedCounter {
  const { url, fallback, onChange } = options;
  const redis = connectTo(url);
  let shared: boolean | undefined;
  let loggedReply: string | undefined;
  let skipRedisUntil = 0;
  let isClosing = false;
  let isCluster = false;
  const count = (key: string, windowMs: number) => redis.incrementWindow(PREFIX + key, windowMs);
  const countEach = (keys: readonly string[]) =>
    Promise.all(keys.map((key) => count(key, RETRY_EVERY_MS)));
  const dependency = watchDependency({
    ask: count,
    async probe() {
      // Not PING: Redis may answer it and still refuse scripts.
      await countEach(isCluster ? CHECK_KEYS : ['probe']);
      isCluster = false;
      setShared(true);
    },
    probeEveryMs: RETRY_EVERY_MS,
  });
  const setShared = (isShared: boolean, error?: unknown) => {
    if (isShared) dependency.up();
    else dependency.down();
    skipRedisUntil = isShared ? 0 : performance.now() + RETRY_EVERY_MS;
    const reply = replyOf(error);
    isCluster ||= !isShared && causeOf(error).code === 'REDIS_CLUSTER';
    // An error reply after a timeout is a new cause.
    if (shared !== isShared || (reply && reply !== loggedReply)) onChange(isShared, error);
    if (isShared || reply) loggedReply = reply;
    shared = isShared;
  };
  // Without a listener, an `error` event would end the process.
  redis.on('error', (error) => setShared(false, error));
  redis.on('close', () => !isClosing && setShared(false, CONNECTION_CLOSED));

  return {
    async increment(key, windowMs) {
      // A cluster would count some keys, and seem to work each time.
      if (isCluster || performance.now() < skipRedisUntil) return fallback.increment(key, windowMs);
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
    checkWhenReady() {
      const failed = (error: unknown) => setShared(false, error);
      redis.once('ready', () => countEach(CHECK_KEYS).then(() => setShared(true), failed));
    },
    close() {
      isClosing = true;
      dependency.close();
      redis.disconnect();
    },
  };
}

/** A connection whose commands fail fast. */
function connectTo(url: string): Redis {
  return new Redis(url, {
    commandTimeout: TIMEOUT_MS,
    connectTimeout: 1_000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => RETRY_EVERY_MS,
    reconnectOnError: (error) => NOT_PRIMARY.includes(causeOf(error).code),
    scripts: { incrementWindow: { lua: INCREMENT, numberOfKeys: 1 } },
  });
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
