import cors from '@fastify/cors';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import { createAdmission } from './admission.ts';
import { createBaseApp } from './base.ts';
import { addHealthRoutes, type HealthOptions } from './health.ts';
import { type OriginEvents, watchOrigins } from './origins.ts';
import { createRateLimits, type RateLimitOptions } from './rate-limit.ts';
import { type VideoTokenOptions, videoTokenRoute } from './video-token.ts';

export type PublicAppOptions = {
  videoToken: VideoTokenOptions;
  health: HealthOptions;
  rateLimits: RateLimitOptions;
  /** Whether the event loop is so late that answers would come too late. */
  overloaded(): boolean;
  /** @default what a process of 256 MB can hold */
  maxOpenRequests?: number;
  /** Receives a function that says how many requests wait for their decision. */
  onOpenRequests?(count: () => number): void;
  trustProxy: readonly string[];
  corsOrigins: readonly string[];
  origins?: OriginEvents;
  logger: FastifyBaseLogger;
};

/** The application that clients and the load balancer see, ready to listen. */
export async function createPublicApp(options: PublicAppOptions): Promise<FastifyInstance> {
  const { logger, trustProxy, corsOrigins, health } = options;
  const admission = createAdmission(
    options.overloaded,
    options.maxOpenRequests,
    health.auditBlocked,
  );
  options.onOpenRequests?.(admission.openRequests);
  const app = createBaseApp({
    logger,
    trustProxy,
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
  await app.register(videoTokenRoute(options.videoToken, { ...admission, ...limits }));
  return app;
}

async function addCors(
  app: FastifyInstance,
  origins: readonly string[],
  limit: (request: FastifyRequest) => Promise<void>,
): Promise<void> {
  // The plugin answers preflights in a hook of its own, which comes after this one.
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.method === 'OPTIONS') limit(request).then(() => done(), done);
    else done();
  });
  await app.register(cors, {
    // Asked, the plugin says nothing to other origins; a list would only keep back one of its headers.
    origin: (origin, answer) => answer(null, origin !== undefined && origins.includes(origin)),
    methods: ['POST'],
    allowedHeaders: ['Authorization', 'Content-Type', 'X-Request-Id'],
    exposedHeaders: ['Date', 'Retry-After', 'X-Request-Id'],
    maxAge: 600,
    // An OPTIONS that names no method is taken for a preflight, not refused in the plugin's plain text.
    strictPreflight: false,
  });
}
