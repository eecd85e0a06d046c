import type { Logger } from 'pino';
import type { Config } from './config/config.ts';
import { redisFailure } from './config/failures.ts';
import { type Counter, createMemoryCounter } from './http/rate-limit.ts';
import type { SharedCounter } from './http/redis-counter.ts';
import type { Metrics } from './ops/metrics.ts';
import { fieldsOf } from './ops/notices.ts';

/** The counter for rate limits; `shared` is set if it uses Redis. */
export type Limiter = { counter: Counter; shared?: SharedCounter };

/** Counts in Redis if REDIS_URL is set, else in memory. */
export async function createLimiter(
  { redisUrl }: Config['limits'],
  logger: Logger,
  metrics: Metrics,
): Promise<Limiter> {
  const memory = createMemoryCounter();
  if (redisUrl === undefined) return { counter: memory };
  const { createRedisCounter } = await import('./http/redis-counter.ts');
  const shared = createRedisCounter({
    url: redisUrl,
    fallback: memory,
    onChange(isShared, error) {
      metrics.rateLimitShared(isShared);
      if (isShared) logger.info('rate limits shared through Redis');
      else {
        const fields = fieldsOf(redisFailure(redisUrl, error));
        logger.warn(fields, 'Redis unreachable; this replica counts by itself');
      }
    },
  });
  shared.checkWhenReady();
  return { counter: shared, shared };
}
