import cors from '@fastify/cors';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { createAdmission } from './http/admission.ts';
import { createBareApp } from './http/bare-app.ts';
import { addHealthRoutes, type HealthParts } from './http/health.ts';
import { createRateLimits, type RateLimitOptions } from './http/rate-limit.ts';
import { type VideoTokenParts, videoTokenRoute } from './http/video-token.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Not shed and not limited before it is reached: a health probe, or a route that sees to it. */
    admitted?: boolean;
  }
}

/** Everything that the public application is made of. */
export type AppParts = {
  videoToken: VideoTokenParts;
  health: HealthParts;
  rateLimits: RateLimitOptions;
  /** The event loop is so late that answers would come too late. */
  overloaded(): boolean;
  /** @default what a process of 256 MB can hold */
  maxOpenRequests?: number;
  /** Is given what says how many requests wait for their decision. */
  onOpenRequests?(count: () => number): void;
  trustProxy: readonly string[];
  corsOrigins: readonly string[];
  logger: FastifyBaseLogger;
};

/** The public application, ready to listen. */
export async function createApp(parts: AppParts): Promise<FastifyInstance> {
  const { logger, trustProxy, corsOrigins, health, overloaded } = parts;
  const app = createBareApp({
    logger,
    trustProxy,
    draining: () => health.lifecycle() === 'draining',
    beforeFrameworkError: (request) => limits.byIp(request),
  });
  app.decorateRequest('credential', null);
  const limits = await createRateLimits(app, parts.rateLimits);
  // The CORS plugin answers preflights by itself; all else is limited after it has set its headers.
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.method === 'OPTIONS') limits.byIp(request).then(() => done(), done);
    else done();
  });
  if (corsOrigins.length > 0) await addCors(app, corsOrigins);
  const admission = createAdmission(overloaded, parts.maxOpenRequests);
  parts.onOpenRequests?.(admission.open);
  app.decorateRequest('isOpen', false);
  app.addHook('onSend', (request, _reply, _payload, done) => {
    admission.leave(request);
    done();
  });
  const admit = async (request: FastifyRequest, reply: FastifyReply) => {
    await admission.enter(request, reply);
    await limits.byIp(request);
  };
  app.addHook('onRequest', async (request, reply) => {
    const { admitted } = request.routeOptions.config;
    if (!admitted && request.method !== 'OPTIONS') await admit(request, reply);
  });
  addHealthRoutes(app, health);
  await app.register(videoTokenRoute(parts.videoToken, { admit, byUser: limits.byUser }));
  return app;
}

async function addCors(app: FastifyInstance, origins: readonly string[]): Promise<void> {
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
