import type { Registry } from '@prometheus-io/client';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyPluginAsync,
  FastifyReply,
  FastifyRequest,
} from 'fastify';
import { type BaseAppOptions, createBaseApp } from '../http/base.ts';
import { createMemoryCounter } from '../http/rate-limit.ts';
import { VERSION } from '../version.ts';
import { createAddressOf } from './browser.ts';
import { consoleRoutes } from './console.ts';
import { decisionRoutes } from './decision-routes.ts';
import type { RecentDecisions } from './decisions.ts';
import { type DirectoryOptions, directoryRoutes } from './directory.ts';
import type { PublicListener } from './docs.ts';
import { type KeyOptions, requireKey } from './keys.ts';
import { DETAILS } from './schemas.ts';
import { sessionRoutes } from './session-routes.ts';
import { createSessions } from './sessions.ts';

/** Clients may read an export slowly. */
const STALLED_MS = 60_000;
/** Imports can be long. */
const REQUEST_TIMEOUT_MS = 3_600_000;

export type InternalAppOptions = {
  logger: FastifyBaseLogger;
  metrics: Registry;
  /** Undefined when the access mode has no directory. */
  directory: DirectoryOptions | undefined;
  /** Undefined without a key at the start: then there are neither sessions nor decisions nor the directory API. */
  admin: AdminOptions | undefined;
  draining(): boolean;
  onClientError?: Exclude<BaseAppOptions['onClientError'], undefined>;
  /** The target of "Try it out" in the API reference. */
  publicListener(): PublicListener;
};

/** What stands behind a key. */
export type AdminOptions = Pick<KeyOptions, 'keys' | 'hosts' | 'now'> & {
  /** The ServerSecret, from which the keys of sessions are derived. */
  secret(): string;
  /** CIDR ranges of the proxies in front. */
  trustProxy: readonly string[];
  decisions: RecentDecisions;
  tokenTtlSeconds: number;
};

/** The internal application: metrics, API reference, directory API. */
export async function createInternalApp(
  dependencies: InternalAppOptions,
): Promise<FastifyInstance> {
  const { logger, metrics, directory, admin, draining, onClientError } = dependencies;
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
  if (admin) await app.register(adminRoutes(admin, directory));
  return app;
}

/** Whatever needs a key. */
function adminRoutes(
  { decisions, secret, trustProxy, tokenTtlSeconds, ...admin }: AdminOptions,
  directory: DirectoryOptions | undefined,
): FastifyPluginAsync {
  const options = {
    ...admin,
    sessions: createSessions(secret),
    addressOf: createAddressOf(trustProxy),
  };
  const about = { directory: directory !== undefined, tokenTtlSeconds };
  return async (app) => {
    await app.register(consoleRoutes(options.addressOf, options.hosts));
    await app.register(async (scope) => {
      scope.addHook('onRequest', requireKey(options, createMemoryCounter()));
      await scope.register(sessionRoutes(options, about));
      await scope.register(decisionRoutes(decisions, options));
      if (directory) await scope.register(directoryRoutes(directory));
    });
  };
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
