import type { Registry } from '@prometheus-io/client';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type BaseAppOptions, createBaseApp } from '../http/base.ts';
import { createMemoryCounter } from '../http/rate-limit.ts';
import { VERSION } from '../version.ts';
import { type DirectoryOptions, directoryRoutes } from './directory.ts';
import type { PublicListener } from './docs.ts';
import { type AdminKey, requireKey } from './keys.ts';
import { DETAILS } from './refusals.ts';

/** Clients may read an export slowly. */
const STALLED_MS = 60_000;
/** Imports can be long. */
const REQUEST_TIMEOUT_MS = 3_600_000;

export type InternalAppOptions = {
  logger: FastifyBaseLogger;
  metrics: Registry;
  /** Undefined when the access mode has no directory. */
  directory: DirectoryOptions | undefined;
  /** The directory API is registered only when there is one. */
  adminKeys(): readonly AdminKey[];
  draining(): boolean;
  onClientError?: Exclude<BaseAppOptions['onClientError'], undefined>;
  /** The target of "Try it out" in the API reference. */
  publicListener(): PublicListener;
};

/** The internal application: metrics, API reference, directory API. */
export async function createInternalApp(
  dependencies: InternalAppOptions,
): Promise<FastifyInstance> {
  const { logger, metrics, directory, adminKeys, draining, onClientError } = dependencies;
  const options = {
    logger,
    draining,
    details: DETAILS,
    logsFailures: true,
    ...(onClientError && { onClientError }),
  };
  const app = createBaseApp({
    ...options,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    stalledMs: STALLED_MS,
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  );
  app.get('/version', async () => ({ version: VERSION, nodejs: process.version }));
  addDocs(app, options, dependencies.publicListener);
  if (directory && adminKeys().length > 0) {
    await app.register(async (scope) => {
      scope.addHook('onRequest', requireKey(adminKeys, createMemoryCounter()));
      await scope.register(directoryRoutes(directory));
    });
  }
  return app;
}

/** Loads the pages on the first request, because they would more than double the start time. */
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
