import cors from '@fastify/cors';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyPluginAsync,
  FastifyRequest,
} from 'fastify';
import { createAdmission } from './admission.ts';
import { type BaseAppOptions, createBaseApp } from './base.ts';
import { basicTokenRoute, type EntryTokenOptions, roomTokenRoute } from './entry-tokens.ts';
import { addHealthRoutes, type HealthOptions } from './health.ts';
import { type OriginEvents, watchOrigins } from './origins.ts';
import { createRateLimits, type RateLimitOptions } from './rate-limit.ts';
import type { RequestLimits } from './token-route.ts';
import { type VideoTokenOptions, videoTokenRoute } from './video-token.ts';

/** The other kinds of tokens; each has its switch. */
type EntryTokens = Pick<EntryTokenOptions, 'checkEntry' | 'appId'> & {
  room: boolean;
  basic: 'off' | 'on' | 'zim';
};

export type PublicAppOptions = {
  videoToken: VideoTokenOptions;
  /** Undefined where neither room nor basic tokens are issued. */
  entryTokens?: EntryTokens | undefined;
  health: HealthOptions;
  rateLimits: RateLimitOptions;
  /** Whether the event-loop delay is too high. */
  overloaded(): boolean;
  /** @default 4,096, for a process with 256 MB */
  maxOpenRequests?: number;
  /** Receives a function that returns the number of open requests. */
  onOpenRequests?(count: () => number): void;
  trustProxy: readonly string[];
  onClientError?: Exclude<BaseAppOptions['onClientError'], undefined>;
  corsOrigins: readonly string[];
  origins?: OriginEvents;
  logger: FastifyBaseLogger;
};

/** The public application: tokens and health checks. */
export async function createPublicApp(options: PublicAppOptions): Promise<FastifyInstance> {
  const { logger, trustProxy, corsOrigins, health, onClientError } = options;
  const admission = createAdmission(
    options.overloaded,
    options.maxOpenRequests,
    health.auditBlocked,
  );
  options.onOpenRequests?.(admission.openRequests);
  const app = createBaseApp({
    logger,
    trustProxy,
    ...(onClientError && { onClientError }),
    draining: () => health.lifecycle() === 'draining',
    async beforeNotFound(request, reply) {
      await admission.enter(request, reply);
      await limits.byAddress(request);
    },
    beforeFrameworkError: (request) => limits.byAddress(request),
  });
  app.decorateRequest('credential', null);
  app.decorateRequest('isAdmitted', false);
  app.addHook('onSend', (request, _reply, _payload, done) => {
    admission.leave(request);
    done();
  });
  if (options.origins) watchOrigins(app, corsOrigins, options.origins);
  const limits = await createRateLimits(app, options.rateLimits);
  if (corsOrigins.length > 0) await addCors(app, corsOrigins, limits.byAddress);
  addHealthRoutes(app, health);
  const requestLimits = { ...admission, ...limits };
  await app.register(videoTokenRoute(options.videoToken, requestLimits));
  if (options.entryTokens) {
    await app.register(entryRoutes(options.videoToken, options.entryTokens, requestLimits));
  }
  return app;
}

function entryRoutes(
  options: VideoTokenOptions,
  { room, basic, ...entry }: EntryTokens,
  limits: RequestLimits,
): FastifyPluginAsync {
  return async (app) => {
    if (room) await app.register(roomTokenRoute({ ...options, ...entry }, limits));
    if (basic !== 'off') {
      await app.register(basicTokenRoute({ ...options, ...entry }, basic === 'zim', limits));
    }
  };
}

async function addCors(
  app: FastifyInstance,
  origins: readonly string[],
  limit: (request: FastifyRequest) => Promise<void>,
): Promise<void> {
  // @fastify/cors answers preflights in its own hook, which runs after this one.
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.method === 'OPTIONS') limit(request).then(() => done(), done);
    else done();
  });
  await app.register(cors, {
    // With a function, the plugin sends no CORS headers to other origins; with a list it omits only one of them.
    origin: (origin, answer) => answer(null, origin !== undefined && origins.includes(origin)),
    methods: ['POST'],
    allowedHeaders: ['Authorization', 'Content-Type', 'X-Request-Id'],
    exposedHeaders: ['Date', 'Retry-After', 'X-Request-Id'],
    maxAge: 600,
    // Otherwise the plugin refuses an OPTIONS without Access-Control-Request-Method in plain text.
    strictPreflight: false,
  });
}
