import cors from '@fastify/cors';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { ServiceError } from './errors.ts';
import { addJsonParser, BODY_LIMIT_BYTES, fieldErrors } from './http/body.ts';
import { answerNodesOwn, handleClientError } from './http/client-errors.ts';
import { notesOf } from './http/decision.ts';
import { checkHeaders, requestIdOf } from './http/headers.ts';
import { addHealthRoutes, type HealthParts } from './http/health.ts';
import { toProblemResponse, toServiceError } from './http/problem-response.ts';
import { createRateLimits, type RateLimitOptions } from './http/rate-limit.ts';
import { type VideoTokenParts, videoTokenRoute } from './http/video-token.ts';

const KEEP_ALIVE_MS = 75_000;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A health probe: not rate-limited, not shed. */
    probe?: boolean;
  }
}

/** Everything that the public application is made of. */
export type AppParts = {
  videoToken: VideoTokenParts;
  health: HealthParts;
  rateLimits: RateLimitOptions;
  trustProxy: readonly string[];
  corsOrigins: readonly string[];
  logger: FastifyBaseLogger;
};

/** The public application, ready to listen. */
export async function createApp(parts: AppParts): Promise<FastifyInstance> {
  const app: FastifyInstance = fastify({
    ...serverOptions(parts),
    frameworkErrors: (error, request, reply) => {
      limits.byIp(request).then(
        () => sendProblem(error, request, reply),
        (limited) => sendProblem(limited, request, reply),
      );
    },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.decorateRequest('decision', null);
  app.decorateRequest('credential', null);
  app.setErrorHandler(sendProblem);
  addNotFoundHandler(app);
  addJsonParser(app);
  answerNodesOwn(app.server);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    checkHeaders(request.raw);
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    // Node keeps the connection of a request that was in flight when the server closed.
    if (parts.health.lifecycle() === 'draining') reply.header('connection', 'close');
    done();
  });
  if (parts.corsOrigins.length > 0) await addCors(app, parts.corsOrigins);
  const limits = await createRateLimits(app, parts.rateLimits);
  app.addHook('onRequest', async (request) => {
    if (!request.routeOptions.config.probe) await limits.byIp(request);
  });
  addHealthRoutes(app, parts.health);
  await app.register(videoTokenRoute(parts.videoToken, limits));
  return app;
}

function serverOptions({ logger, trustProxy }: AppParts) {
  return {
    loggerInstance: logger,
    // A child logger for each request would cost more than the one line that we write.
    childLoggerFactory: () => logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: 10_000,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { headersTimeout: 5_000, connectionsCheckingInterval: 1_000 },
    return503OnClosing: false,
    requestIdHeader: false as const,
    genReqId: requestIdOf,
    clientErrorHandler: handleClientError,
    ...(trustProxy.length > 0 && { trustProxy: [...trustProxy] }),
  };
}

function sendProblem(raised: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const errors = fieldErrors(raised);
  const error = errors ? new ServiceError('invalid_request', { errors }) : toServiceError(raised);
  const notes = notesOf(request);
  notes.code = error.code;
  const { code: reason } = (error.extras.cause ?? {}) as { code?: string };
  if (reason !== undefined) notes.reason = reason;
  if (error.code === 'internal_error') {
    request.log.error({ err: error.extras.cause, requestId: request.id }, 'internal error');
  }
  const { status, headers, body } = toProblemResponse(error, request.id);
  reply.code(status).headers(headers).send(body);
}

/** A path that is known by another method is 405, with the methods that it knows. */
function addNotFoundHandler(app: FastifyInstance): void {
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set();
    methods.set(url, new Set([...known, ...[method].flat()]));
  });
  app.setNotFoundHandler((request) => {
    const allow = methods.get(request.url.split('?', 1)[0] ?? '');
    throw allow
      ? new ServiceError('method_not_allowed', { allow: [...allow].sort() })
      : new ServiceError('not_found');
  });
}

async function addCors(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  await app.register(cors, {
    origin: [...origins],
    methods: ['POST'],
    allowedHeaders: ['Authorization', 'Content-Type', 'X-Request-Id'],
    exposedHeaders: ['Date', 'Retry-After', 'X-Request-Id'],
    maxAge: 600,
  });
}
