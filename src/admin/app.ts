import { createHash, timingSafeEqual } from 'node:crypto';
import type { Registry } from '@prometheus-io/client';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ServiceError } from '../errors.ts';
import { type BaseAppOptions, createBaseApp } from '../http/base.ts';
import { readBearer } from '../http/request.ts';
import { VERSION } from '../version.ts';
import { type DirectoryOptions, directoryRoutes } from './directory.ts';
import type { PublicListener } from './docs.ts';
import { DETAILS } from './refusals.ts';

/** A reader of an export may be slow. */
const STALLED_MS = 60_000;
/** An import may take its time. */
const REQUEST_TIMEOUT_MS = 3_600_000;

/** Everything that the internal application is made of. */
export type InternalAppOptions = {
  logger: FastifyBaseLogger;
  metrics: Registry;
  /** Absent where the access mode has no directory of ours. */
  directory: DirectoryOptions | undefined;
  /** Without it the directory API is not there. */
  adminApiKey(): string | undefined;
  draining(): boolean;
  /** Where the API reference sends what is tried out. */
  publicListener(): PublicListener;
};

/** The application that the load balancer never sees: metrics, API reference, directory API. */
export async function createInternalApp(parts: InternalAppOptions): Promise<FastifyInstance> {
  const { logger, metrics, directory, adminApiKey, draining } = parts;
  const options = { logger, draining, details: DETAILS };
  const app = createBaseApp({
    ...options,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    stalledMs: STALLED_MS,
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  );
  app.get('/version', async () => ({ version: VERSION, nodejs: process.version }));
  addDocs(app, options, parts.publicListener);
  if (directory && adminApiKey() !== undefined) {
    await app.register(async (scope) => {
      scope.addHook('onRequest', requireKey(adminApiKey));
      await scope.register(directoryRoutes(directory));
    });
  }
  return app;
}

/** The pages are loaded when somebody looks: they take longer than the rest of the start. */
function addDocs(
  app: FastifyInstance,
  options: BaseAppOptions,
  publicListener: InternalAppOptions['publicListener'],
): void {
  let docs: Promise<FastifyInstance> | undefined;
  const show = async (request: FastifyRequest, reply: FastifyReply) => {
    docs ??= import('./docs.ts').then(({ createDocsApp }) =>
      createDocsApp(options, publicListener),
    );
    const { routing } = await docs;
    reply.hijack();
    routing(request.raw, reply.raw);
  };
  app.get('/docs', show);
  app.get('/docs/*', show);
  app.addHook('onClose', async () => (await docs)?.close());
}

/** Compares digests: they are of one length, and the time says nothing about the key. */
function requireKey(key: () => string | undefined) {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return async ({ headers: { authorization } }: FastifyRequest) => {
    const given = digest(readBearer(authorization));
    if (!timingSafeEqual(given, digest(key() ?? ''))) throw new ServiceError('credential_invalid');
  };
}
