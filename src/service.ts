import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { AccessService } from './access/access.ts';
import { openAccess } from './access/open.ts';
import { createApp } from './http/public/app.ts';
import { unixSeconds } from './time.ts';
import type { Config } from './config/config.ts';
import { type Counter, createMemoryCounter } from './http/counter.ts';
import { createCountryOf } from './http/country.ts';
import type { Decision } from './http/audit.ts';
import type { Lifecycle } from './http/public/health.ts';
import type { SharedCounter } from './http/redis-counter.ts';
import { createInternalApp } from './http/internal/app.ts';
import { createLoadMonitor, type LoadMonitor } from './ops/load.ts';
import { createMetrics, type Metrics } from './ops/metrics.ts';
import { createSecrets, type Secrets } from './secrets.ts';

/**
 * Connections that may wait to be accepted; the kernel takes less where it must. Whoever finds no place
 * tries again after a second, and a premiere brings more than Node's 511 at once.
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
  const { variables } = config;
  let lifecycle: Lifecycle = 'starting';
  const onLost = (err: Error) => logger.warn({ err }, 'database connection lost');
  const metrics = createMetrics(config.access.mode);
  const load = createLoadMonitor();
  const access = await openAccess(config.access, onLost);
  const secrets = await createSecrets(config, metrics.auth);
  const limiter = await createLimiter(config, logger, metrics);
  const parts = { logger, metrics, load, access: access.service, secrets, limiter };
  const app = await createPublicApp(config, parts, () => lifecycle);
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
      corsOrigins: variables.CORS_ORIGINS,
    }),
  });
  const addresses = {
    internal: await internal.listen({
      host: variables.INTERNAL_HOST,
      port: variables.INTERNAL_PORT,
    }),
    public: await listen(app, config),
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

type Parts = {
  logger: Logger;
  metrics: Metrics;
  load: LoadMonitor;
  access: AccessService;
  secrets: Secrets;
  limiter: Limiter;
};

function createPublicApp(
  { variables }: Config,
  { logger, metrics, load, access, secrets, limiter }: Parts,
  lifecycle: () => Lifecycle,
): Promise<FastifyInstance> {
  const { shared } = limiter;
  const dependencies = () => ({
    access: access.healthy(),
    keys: secrets.healthy(),
    ...(shared && { redis: shared.healthy() }),
  });
  return createApp({
    logger,
    trustProxy: variables.TRUST_PROXY,
    corsOrigins: variables.CORS_ORIGINS,
    overloaded: load.overloaded,
    onOpenRequests: metrics.openRequests,
    health: { lifecycle, dependencies },
    rateLimits: {
      perIp: variables.RATE_LIMIT_PER_IP,
      perUser: variables.RATE_LIMIT_PER_USER,
      counter: limiter.counter,
      onLimited: metrics.rateLimited,
    },
    videoToken: {
      verify: secrets.verify,
      generate: secrets.generate,
      check: measured(access, metrics),
      countryOf: createCountryOf(variables.COUNTRY_HEADER, variables.TRUST_PROXY),
      ttlSeconds: variables.TOKEN_TTL_SECONDS,
      outlivesSession: variables.TOKEN_OUTLIVES_SESSION,
      now: unixSeconds,
      onDecision: createDecisionLog(logger, metrics),
    },
  });
}

function listen(app: FastifyInstance, { variables }: Config): Promise<string> {
  const { HOST: host, PORT: port, REUSE_PORT: reusePort } = variables;
  return app.listen({ host, port, backlog: BACKLOG, ...(reusePort && { reusePort }) });
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

function createDecisionLog(logger: Logger, metrics: Metrics) {
  return (decision: Decision) => {
    metrics.decided(decision.outcome, decision.code, decision.durationMs / 1000);
    logger.info(decision);
  };
}

type Limiter = { counter: Counter; shared?: SharedCounter };

async function createLimiter(
  { variables }: Config,
  logger: Logger,
  metrics: Metrics,
): Promise<Limiter> {
  const memory = createMemoryCounter();
  if (variables.REDIS_URL === undefined) return { counter: memory };
  const { createRedisCounter } = await import('./http/redis-counter.ts');
  const shared = createRedisCounter({
    url: variables.REDIS_URL,
    fallback: memory,
    onChange(yes) {
      metrics.rateLimitShared(yes);
      if (yes) logger.info('rate limits are shared through Redis');
      else logger.warn('Redis does not answer: this replica counts rate limits for itself');
    },
  });
  return { counter: shared, shared };
}

async function closeWithin(app: FastifyInstance, timeoutMs: number): Promise<void> {
  const hangUp = setTimeout(() => app.server.closeAllConnections(), timeoutMs);
  await app.close();
  clearTimeout(hangUp);
}
