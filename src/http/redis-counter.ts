import { createHash } from 'node:crypto';
import { type ClientContext, Redis, type Result } from 'ioredis';
import { watchDependency } from '../dependency.ts';
import type { Counter } from './rate-limit.ts';

const TIMEOUT_MS = 150;
const RETRY_EVERY_MS = 1_000;
const PREFIX = 'zego-video-token:rate:';

/** One step for all replicas: count, and start the window with the first. */
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
  /** Counts while Redis does not answer. */
  fallback: Counter;
  /** Redis stopped answering, with the error, or answers again; or it says by another error why it does not. */
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
  let loggedReply: string | undefined;
  let skipRedisUntil = 0;
  let isClosing = false;
  const count = (key: string, windowMs: number) => redis.incrementWindow(PREFIX + key, windowMs);
  const dependency = watchDependency({
    ask: count,
    async probe() {
      // A Redis may answer PING and refuse scripts.
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
    // After a time-out, an error that Redis itself replies is another cause.
    const isNew = shared !== isShared || (reply !== undefined && reply !== loggedReply);
    if (isShared || reply) loggedReply = reply;
    if (isNew) onChange(isShared, error);
    shared = isShared;
  };
  // Each failed command reports its own error; without a listener this event would end the process.
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

/** The first word of an error reply, such as NOAUTH: its kind. */
function replyOf(error: unknown): string | undefined {
  const { name, message = '' } = (error ?? {}) as Error;
  return name === 'ReplyError' ? message.split(' ', 1)[0] : undefined;
}

/** Redis needs to know neither addresses nor users. */
function hash(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}
