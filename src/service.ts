import { hostname, networkInterfaces } from 'node:os';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { createInternalApp, type InternalAppOptions } from './admin/app.ts';
import { createRecentDecisions, type RecentDecisions } from './admin/decisions.ts';
import type { AccessConfig, Config } from './config/config.ts';
import { orStartError, redisFailure } from './config/failures.ts';
import { kindOfPath } from './directory/sqlite/path.ts';
import { type Change, createStore } from './directory/store.ts';
import { createPublicApp } from './http/app.ts';
import type { AuditEvent } from './http/audit.ts';
import { createCountryOf } from './http/client.ts';
import type { Lifecycle } from './http/health.ts';
import { type Counter, createMemoryCounter } from './http/rate-limit.ts';
import type { SharedCounter } from './http/redis-counter.ts';
import { printable } from './messages/printable.ts';
import { type OpenedAccess, openAccess } from './open-access.ts';
import type { AuditLog } from './ops/audit-log.ts';
import { createLoadMonitor, type LoadMonitor } from './ops/load.ts';
import { createMetrics, type Metrics } from './ops/metrics.ts';
import {
  createClientErrorLog,
  createClockLog,
  createFieldLog,
  createFileLog,
  createJwksLog,
  createKeysSkippedLog,
  fieldsOf,
  reasonOf,
  warnOfEmptyDirectory,
  warnOfFailingBackend,
  warnOfNoAudience,
  warnOfPlainHttp,
} from './ops/notices.ts';
import { createSecrets, type Secrets } from './secrets.ts';
import { unixSeconds } from './time.ts';

/**
 * The listen backlog (the kernel may limit it). The default of Node.js, 511, is too small for the start of a
 * premiere; clients that are dropped retry after a second.
 */
const BACKLOG = 4_096;

/** A running service. */
export type Service = {
  /** The URLs of the listeners. */
  addresses: { public: string; internal: string };
  /** Applies new secrets, keys and providers. */
  reload(config: Config): Promise<void>;
  /** Counts a reload. */
  reloaded(result: 'ok' | 'error'): void;
  /** Reports not ready on /readyz, but keeps serving. */
  drain(): void;
  /** Stops accepting connections, waits up to `timeoutMs` for requests in flight, closes all resources. */
  close(timeoutMs: number): Promise<void>;
};

/** The composition root: creates and connects all modules, and listens. */
export async function startService(
  config: Config,
  logger: Logger,
  audit: AuditLog,
  auditWaitingBytes: () => number,
): Promise<Service> {
  let lifecycle: Lifecycle = 'starting';
  const metrics = createMetrics(config.access.mode);
  metrics.auditWaitingBytes(auditWaitingBytes);
  const load = createLoadMonitor();
  const access = await openAccessAndWarn(config.access, logger, metrics);
  const secrets = await openSecrets(config, logger, metrics);
  const limiter = await createLimiter(config.limits, logger, metrics);
  const onClientError = createClientErrorLog(logger, metrics.clientError);
  const admin = adminOf(config, secrets);
  const decisions = admin?.decisions;
  const app = await createApp(
    config,
    { logger, onClientError, audit, decisions, metrics, load, access, secrets, limiter },
    () => lifecycle,
  );
  const internal = await createInternalApp({
    logger,
    metrics: metrics.registry,
    directory: directoryOf(access, logger, metrics, decisions),
    admin,
    draining: () => lifecycle === 'draining',
    onClientError,
    publicListener: () => ({
      port: Number(URL.parse(addresses.public)?.port),
      corsOrigins: config.http.corsOrigins,
      hidden: hiddenPaths(config.token),
    }),
  });
  const addresses = await listen(config, app, internal);
  const stopMaintenance = maintainDirectory(access, config.internal.changesKeepDays, logger);
  load.reset();
  lifecycle = 'ready';
  return {
    addresses,
    reload: secrets.reload,
    reloaded: metrics.reloaded,
    drain() {
      lifecycle = 'draining';
      decisions?.end();
    },
    async close(timeoutMs) {
      await Promise.all([closeWithin(app, timeoutMs), closeWithin(internal, timeoutMs)]);
      stopMaintenance();
      load.close();
      secrets.close();
      limiter.shared?.close();
      await access.service.close();
    },
  };
}

function hiddenPaths({ room, basic }: Config['token']): string[] {
  return [...(room ? [] : ['/room-token']), ...(basic === 'off' ? ['/basic-token'] : [])];
}

/** Listens with both applications; returns their URLs. */
async function listen(
  { http, internal: { host, port } }: Config,
  app: FastifyInstance,
  internal: FastifyInstance,
): Promise<Service['addresses']> {
  return {
    internal: await orStartError('internal', internal.listen({ host: listenHost(host), port })),
    public: await orStartError(
      'public',
      app.listen({
        host: listenHost(http.host),
        port: http.port,
        backlog: BACKLOG,
        ...(http.reusePort && { reusePort: true }),
      }),
    ),
  };
}

/** `::` listens on IPv4 as well, but fails on a machine without IPv6. */
export function listenHost(host: string, interfaces = networkInterfaces()): string {
  const hasIpv6 = Object.values(interfaces).some((addresses = []) =>
    addresses.some(({ family }) => family === 'IPv6'),
  );
  return host === '::' && !hasIpv6 ? '0.0.0.0' : host;
}

const MAINTAIN_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;

/**
 * Deletes old changes, and fills in what search needs where another program wrote; at once and every hour. Returns a
 * function that stops it.
 */
function maintainDirectory({ database }: OpenedAccess, days: number, logger: Logger): () => void {
  if (!database) return () => {};
  const store = createStore(database);
  const maintain = async () => {
    await store.forgetBefore(Date.now() - days * DAY_MS);
    await store.fillSearch();
  };
  const start = () =>
    void maintain().catch((error) => {
      logger.warn(reasonOf(error), 'maintenance of the directory failed');
    });
  start();
  const timer = setInterval(start, MAINTAIN_EVERY_MS).unref();
  return () => clearInterval(timer);
}

/** The dependencies of the directory API; undefined if the access mode has no directory. */
function directoryOf(
  { database, service, takesNames }: OpenedAccess,
  logger: Logger,
  metrics: Metrics,
  decisions: RecentDecisions | undefined,
): InternalAppOptions['directory'] {
  if (!database) return undefined;
  const onChange = (change: Change) => {
    metrics.directoryChanged(change.actor);
    logger.info({ event: 'directory_change', ...change }, 'directory changed');
  };
  return {
    database,
    store: createStore(database, onChange, takesNames),
    service,
    countryOf: (userId) => decisions?.countryOf(userId),
    now: unixSeconds,
  };
}

/** What stands behind a key; undefined without one. */
function adminOf({ internal, http, token }: Config, secrets: Secrets): InternalAppOptions['admin'] {
  if (internal.adminKeys.length === 0) return undefined;
  return {
    keys: secrets.adminKeys,
    secret: secrets.serverSecret,
    hosts: internal.adminHosts,
    trustProxy: http.trustProxy,
    decisions: createRecentDecisions(hostname(), Date.now),
    tokenTtlSeconds: token.ttlSeconds,
    now: unixSeconds,
  };
}

function openSecrets(config: Config, logger: Logger, metrics: Metrics): Promise<Secrets> {
  warnOfNoAudience(config.auth, logger);
  warnOfPlainHttp(config.auth, logger);
  const jwksFetched = createJwksLog(logger, metrics.auth.jwksFetched);
  const clockCompared = createClockLog(logger);
  const keysSkipped = createKeysSkippedLog(logger);
  return createSecrets(config, { ...metrics.auth, jwksFetched, keysSkipped, clockCompared });
}

async function openAccessAndWarn(
  config: AccessConfig,
  logger: Logger,
  metrics: Metrics,
): Promise<OpenedAccess> {
  const isNew = config.mode === 'sqlite' && kindOfPath(config.path) === 'nothing';
  const onLost = (error: Error) => logger.warn(reasonOf(error), 'database connection lost');
  const events = {
    onConnectionLost: onLost,
    onBatch: metrics.postgresBatch,
    onUnknownField: createFieldLog(logger),
    onFileChange: createFileLog(logger),
  };
  const access = await orStartError('access', openAccess(config, events));
  await warnOfEmptyDirectory(config, access.database, isNew, logger);
  await warnOfFailingBackend(config, access.service, logger);
  return access;
}

type Dependencies = {
  logger: Logger;
  onClientError: ReturnType<typeof createClientErrorLog>;
  audit: AuditLog;
  decisions: RecentDecisions | undefined;
  metrics: Metrics;
  load: LoadMonitor;
  access: OpenedAccess;
  secrets: Secrets;
  limiter: Limiter;
};

function createApp(
  { http, limits, token, zego, auth: { ids } }: Config,
  {
    logger,
    onClientError,
    audit,
    decisions,
    metrics,
    load,
    access,
    secrets,
    limiter,
  }: Dependencies,
  lifecycle: () => Lifecycle,
): Promise<FastifyInstance> {
  const { counter, shared } = limiter;
  const { healthy, entryHealthy } = access.service;
  const dependencies = () => ({
    access: healthy(),
    ...(entryHealthy && token.room && { access_room: entryHealthy('room') }),
    ...(entryHealthy && token.basic !== 'off' && { access_basic: entryHealthy('basic') }),
    keys: secrets.healthy(),
    ...(shared && { redis: shared.healthy() }),
  });
  metrics.dependencyUp(dependencies);
  const countEntry = token.room || token.basic !== 'off' ? metrics.entryTokens() : undefined;
  return createPublicApp({
    logger,
    onClientError,
    trustProxy: http.trustProxy,
    corsOrigins: http.corsOrigins,
    origins: {
      onRefused: metrics.corsRefused,
      onNewOrigin: (origin) =>
        logger.warn({ origin: printable(origin) }, 'origin is not in CORS_ORIGINS'),
    },
    overloaded: load.overloaded,
    onOpenRequests: metrics.openRequests,
    health: { lifecycle, dependencies, auditBlocked: audit.blocked, directoryGone: access.isGone },
    rateLimits: {
      perIp: limits.perIp,
      perUser: limits.perUser,
      counter,
      onLimited: metrics.rateLimited,
    },
    videoToken: {
      verify: secrets.verify,
      generate: secrets.generate,
      check: timed(access.service.check, metrics),
      countryOf: createCountryOf(http.countryHeader, http.trustProxy),
      ttlSeconds: token.ttlSeconds,
      outlivesSession: token.outlivesSession,
      repliesUserId: ids.hashKey !== undefined,
      strictIds: ids.strict,
      now: unixSeconds,
      onAuditEvent: auditAndCount(audit, metrics, decisions, countEntry),
    },
    ...(countEntry && {
      entryTokens: {
        room: token.room,
        basic: token.basic,
        appId: zego.appId,
        checkEntry: timed(access.service.checkEntry, metrics),
      },
    }),
  });
}

function timed<Request, Decision>(
  check: (request: Request, now: number) => Promise<Decision>,
  metrics: Metrics,
) {
  return async (request: Request, now: number): Promise<Decision> => {
    const started = performance.now();
    try {
      return await check(request, now);
    } finally {
      metrics.accessChecked((performance.now() - started) / 1000);
    }
  };
}

function auditAndCount(
  audit: AuditLog,
  metrics: Metrics,
  decisions?: RecentDecisions,
  countEntry?: ReturnType<Metrics['entryTokens']>,
) {
  return (event: AuditEvent) => {
    if (event.event === 'video_token') {
      metrics.decided(event.outcome, event.code, event.durationMs / 1000);
    } else countEntry?.(event.event, event.outcome, event.code);
    audit.write(event);
    decisions?.add(event);
  };
}

async function closeWithin(app: FastifyInstance, timeoutMs: number): Promise<void> {
  const late = setTimeout(() => app.server.closeAllConnections(), timeoutMs);
  await app.close();
  clearTimeout(late);
}

/** The counter for rate limits; `shared` is set if it uses Redis. */
type Limiter = { counter: Counter; shared?: SharedCounter };

/** Counts in Redis if REDIS_URL is set, else in memory. */
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
