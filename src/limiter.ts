import type { Logger } from 'pino';
import type { Config } from './config/config.ts';
import { redisFailure } from './config/failures.ts';
import { type Counter, createMemoryCounter } from './http/rate-limit.ts';
import type { SharedCounter } from './http/redis-counter.ts';
import type { Metrics } from './ops/metrics.ts';
import { fieldsOf } from './ops/notices.ts';

/** Counts requests for the rate limits; `shared` where replicas count together. */
export type Limiter = { counter: Counter; shared?: SharedCounter };

/** Counts in this process, or in Redis where the configuration has its address. */
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
    onChange(yes, error) {
      metrics.rateLimitShared(yes);
      if (yes) logger.info('rate limits shared through Redis');
      else {
        const fields = fieldsOf(redisFailure(redisUrl, error));
        logger.warn(fields, 'Redis unreachable; this replica counts by itself');
      }
    },
  });
  return { counter: shared, shared };
}
