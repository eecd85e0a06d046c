import { fileURLToPath } from 'node:url';
import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type BaseAppOptions, createBaseApp } from '../http/base.ts';

/** What the reference has to know of the public listener, to call it from the page. */
export type PublicListener = { port: number; corsOrigins: readonly string[] };

type Server = { url: string; description: string };

/** Where the API reference is, the OpenAPI document that it shows, and the server to try it out with. */
const PAGES: Record<
  string,
  { file: string; serverFor(request: FastifyRequest, listener: PublicListener): Server }
> = {
  '/docs': {
    file: 'openapi.yaml',
    serverFor(request, { port, corsOrigins }) {
      const isAllowedOrigin = corsOrigins.includes(originOf(request));
      const rule = `add ${originOf(request)} to CORS_ORIGINS to try it out from this page.`;
      return {
        url: `${request.protocol}://${request.hostname}:${port}`,
        description: `This service${isAllowedOrigin ? '.' : `; ${rule}`}`,
      };
    },
  },
  '/docs/directory': {
    file: 'openapi.internal.yaml',
    serverFor: (request) => ({ url: originOf(request), description: 'This service.' }),
  },
};

/**
 * For pages with the inline styles and the data: images of Swagger UI. Whether the domain is on HTTPS alone
 * is for the operator's proxy to say.
 */
const PAGE_HEADERS = {
  strictTransportSecurity: false,
  contentSecurityPolicy: {
    directives: {
      connectSrc: ['*'],
      styleSrc: ["'self'", "'unsafe-inline'"],
      upgradeInsecureRequests: null,
    },
  },
  xFrameOptions: { action: 'deny' },
} as const;

/** The reference of the public API at `/docs`, and of the directory API at `/docs/directory`. */
export async function createDocsApp(
  options: BaseAppOptions,
  publicListener: () => PublicListener,
): Promise<FastifyInstance> {
  const app = createBaseApp(options);
  // The plugin fails at conditions that do not hold, and at ranges that are not there.
  app.addHook('onRequest', ({ headers }, _reply, done) => {
    for (const name of ['range', 'if-match', 'if-unmodified-since']) delete headers[name];
    done();
  });
  await app.register(helmet, PAGE_HEADERS);
  for (const [routePrefix, { file, serverFor }] of Object.entries(PAGES)) {
    await app.register(async (scope) => {
      const path = fileURLToPath(new URL(`../../${file}`, import.meta.url));
      await scope.register(swagger, { mode: 'static', specification: { path, baseDir: '' } });
      await scope.register(swaggerUi, {
        routePrefix,
        uiConfig: { tryItOutEnabled: true },
        transformSpecification: (document, request) => ({
          ...document,
          servers: [serverFor(request, publicListener()), ...document.servers],
        }),
      });
    });
  }
  await app.ready();
  return app;
}

function originOf({ protocol, host }: FastifyRequest): string {
  return `${protocol}://${host}`;
}
