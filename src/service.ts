import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { AccessService } from './access/access.ts';
import { openAccess } from './access/open.ts';
import type { Config } from './config/config.ts';
import type { AuditEvent } from './http/audit.ts';
import { createCountryOf } from './http/client.ts';
import { createInternalApp } from './http/internal/app.ts';
import { createPublicApp } from './http/public/app.ts';
import type { Lifecycle } from './http/public/health.ts';
import { type Counter, createMemoryCounter } from './http/rate-limit.ts';
import type { SharedCounter } from './http/redis-counter.ts';
import { logKeyFetches, warnOfPlainHttp } from './ops/key-log.ts';
import { createLoadMonitor, type LoadMonitor } from './ops/load.ts';
import { createMetrics, type Metrics } from './ops/metrics.ts';
import { createSecrets, type Secrets } from './secrets.ts';
import { unixSeconds } from './time.ts';

/**
 * Connections that may wait to be accepted; the kernel may allow fewer. A client that finds no place tries
 * again after a second, and a premiere brings more at once than the 511 of Node.js.
 */
const BACKLOG = 4_096;

/** A service that listens. */
export type Service = {
  /** Where it listens, as URLs. */
  addresses: { public: string; internal: string };
  /** Takes over new secrets, keys and providers. */
  reload(config: Config): Promise<void>;
  /** The service is not ready any more, and says so; it goes on serving. */
  drain(): void;
  /** Stops accepting, lets what is in flight finish for `timeoutMs`, closes what was opened. */
  close(timeoutMs: number): Promise<void>;
};

/** The composition root: makes every part from the configuration, wires them, and listens. */
export async function startService(config: Config, logger: Logger): Promise<Service> {
  let lifecycle: Lifecycle = 'starting';
  const metrics = createMetrics(config.access.mode);
  const load = createLoadMonitor();
  const access = await openAccess(config.access, (err) =>
    logger.warn({ err }, 'database connection lost'),
  );
  const secrets = await createSecrets(config, logKeyFetches(metrics.auth, logger));
  warnOfPlainHttp(config.auth.providers, logger);
  const limiter = await createLimiter(config.limits, logger, metrics);
  const dependencies = { logger, metrics, load, access: access.service, secrets, limiter };
  const app = await createApp(config, dependencies, () => lifecycle);
  const internal = await createInternalApp({
    logger,
    metrics: metrics.registry,
    directory: access.database && {
      database: access.database,
      service: access.service,
      now: unixSeconds,
    },
    adminApiKey: secrets.adminApiKey,
    draining: () => lifecycle === 'draining',
    publicListener: () => ({
      port: Number(URL.parse(addresses.public)?.port),
      corsOrigins: config.http.corsOrigins,
    }),
  });
  const { host, port, reusePort } = config.http;
  const addresses = {
    internal: await internal.listen({ host: config.internal.host, port: config.internal.port }),
    public: await app.listen({ host, port, backlog: BACKLOG, ...(reusePort && { reusePort }) }),
  };
  lifecycle = 'ready';
  return {
    addresses,
    reload: secrets.reload,
    drain() {
      lifecycle = 'draining';
    },
    async close(timeoutMs) {
      await closeWithin(app, timeoutMs);
      await internal.close();
      load.close();
      secrets.close();
      limiter.shared?.close();
      await access.service.close();
    },
  };
}

type Dependencies = {
  logger: Logger;
  metrics: Metrics;
  load: LoadMonitor;
  access: AccessService;
  secrets: Secrets;
  limiter: Limiter;
};

function createApp(
  { http, limits, token, auth: { ids } }: Config,
  { logger, metrics, load, access, secrets, limiter }: Dependencies,
  lifecycle: () => Lifecycle,
): Promise<FastifyInstance> {
  const { shared } = limiter;
  const dependencies = () => ({
    access: access.healthy(),
    keys: secrets.healthy(),
    ...(shared && { redis: shared.healthy() }),
  });
  return createPublicApp({
    logger,
    trustProxy: http.trustProxy,
    corsOrigins: http.corsOrigins,
    overloaded: load.overloaded,
    onOpenRequests: metrics.openRequests,
    health: { lifecycle, dependencies },
    rateLimits: {
      perIp: limits.perIp,
      perUser: limits.perUser,
      counter: limiter.counter,
      onLimited: metrics.rateLimited,
    },
    videoToken: {
      verify: secrets.verify,
      generate: secrets.generate,
      check: measured(access, metrics),
      countryOf: createCountryOf(http.countryHeader, http.trustProxy),
      ttlSeconds: token.ttlSeconds,
      outlivesSession: token.outlivesSession,
      repliesUserId: ids.hashKey !== undefined,
      strictIds: ids.strict,
      now: unixSeconds,
      onAuditEvent: createAuditLog(logger, metrics),
    },
  });
}

function measured(access: AccessService, metrics: Metrics): AccessService['check'] {
  return async (request, now) => {
    const started = performance.now();
    try {
      return await access.check(request, now);
    } finally {
      metrics.accessChecked((performance.now() - started) / 1000);
    }
  };
}

function createAuditLog(logger: Logger, metrics: Metrics) {
  return (event: AuditEvent) => {
    metrics.decided(event.outcome, event.code, event.durationMs / 1000);
    logger.info(event);
  };
}

type Limiter = { counter: Counter; shared?: SharedCounter };

async function createLimiter(
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
    onChange(yes) {
      metrics.rateLimitShared(yes);
      if (yes) logger.info('rate limits shared through Redis');
      else logger.warn('Redis unreachable; this replica counts rate limits by itself');
    },
  });
  return { counter: shared, shared };
}

async function closeWithin(app: FastifyInstance, timeoutMs: number): Promise<void> {
  const late = setTimeout(() => app.server.closeAllConnections(), timeoutMs);
  await app.close();
  clearTimeout(late);
}
