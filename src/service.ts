import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { openAccess } from './access/open.ts';
import { createApp } from './app.ts';
import { createVerifier } from './auth/verify.ts';
import type { Config } from './config/config.ts';
import { createMemoryCounter } from './http/counter.ts';
import { createCountryOf } from './http/country.ts';
import type { Decision } from './http/decision.ts';
import type { Lifecycle } from './http/health.ts';
import { createGenerator } from './token04/index.ts';

/** A service that listens. */
export type Service = {
  app: FastifyInstance;
  /** The service is not ready any more, and says so; it goes on serving. */
  drain(): void;
  /** Stops accepting, lets what is in flight finish for `timeoutMs`, closes what was opened. */
  close(timeoutMs: number): Promise<void>;
};

const NO_EVENTS = { cache() {}, verified() {}, jwksFetched() {} };

/** The composition root: makes every part from the configuration, wires them, and listens. */
export async function startService(config: Config, logger: Logger): Promise<Service> {
  const { variables, zego } = config;
  let lifecycle: Lifecycle = 'starting';
  const access = await openAccess(config.access);
  const verifier = await createVerifier(config.providers, NO_EVENTS);
  const app = await createApp({
    logger,
    trustProxy: variables.TRUST_PROXY,
    corsOrigins: variables.CORS_ORIGINS,
    health: {
      lifecycle: () => lifecycle,
      dependencies: () => ({ access: access.service.healthy(), keys: verifier.healthy() }),
    },
    rateLimits: {
      perIp: variables.RATE_LIMIT_PER_IP,
      perUser: variables.RATE_LIMIT_PER_USER,
      counter: createMemoryCounter(),
      onLimited() {},
    },
    videoToken: {
      verify: verifier.verify,
      check: access.service.check,
      generate: createGenerator(zego),
      countryOf: createCountryOf(variables.COUNTRY_HEADER, variables.TRUST_PROXY),
      ttlSeconds: variables.TOKEN_TTL_SECONDS,
      outlivesSession: variables.TOKEN_OUTLIVES_SESSION,
      now: () => Math.floor(Date.now() / 1000),
      onDecision: createDecisionLog(logger),
    },
  });
  app.addHook('onClose', async () => {
    verifier.close();
    await access.service.close();
  });
  await app.listen({ host: variables.HOST, port: variables.PORT });
  lifecycle = 'ready';
  return {
    app,
    drain() {
      lifecycle = 'draining';
    },
    close: (timeoutMs) => close(app, timeoutMs),
  };
}

function createDecisionLog(logger: Logger) {
  return (decision: Decision) => logger.info({ event: 'video_token', ...decision });
}

async function close(app: FastifyInstance, timeoutMs: number): Promise<void> {
  const hangUp = setTimeout(() => app.server.closeAllConnections(), timeoutMs);
  await app.close();
  clearTimeout(hangUp);
}
