import { fileURLToPath } from 'node:url';
import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type BaseAppOptions, createBaseApp } from '../http/base.ts';

/** The settings of the public listener that "Try it out" needs. */
export type PublicListener = {
  port: number;
  corsOrigins: readonly string[];
  /** Paths of routes that are switched off. */
  hidden?: readonly string[];
};

type Server = { url: string; description: string };

/** The pages of the API reference: OpenAPI document and default server, by path. */
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
 * Allows the inline styles and data: images of Swagger UI. HSTS is left to the operator's proxy, because it
 * applies to the whole domain.
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
  // @fastify/swagger-ui fails on unmet preconditions and unsatisfiable ranges.
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
          ...withoutHidden(document as OpenApi, publicListener().hidden),
          servers: [serverFor(request, publicListener()), ...document.servers],
        }),
      });
    });
  }
  await app.ready();
  return app;
}

type OpenApi = {
  paths: object;
  components: { schemas: object };
  tags: { name: string }[];
  servers: Server[];
};

/** Leaves out these paths, with the schemas and tags that only they use. */
function withoutHidden(document: OpenApi, hidden: readonly string[] = []): OpenApi {
  const { components, tags } = document;
  const paths = only(document.paths, (path) => !hidden.includes(path));
  const text = JSON.stringify([paths, components.schemas]);
  const schemas = only(components.schemas, (name) => text.includes(`/schemas/${name}"`));
  const isUsed = ({ name }: { name: string }) => text.includes(JSON.stringify(name));
  return { ...document, paths, components: { ...components, schemas }, tags: tags.filter(isUsed) };
}

function only(record: object, isKept: (name: string) => boolean): object {
  return Object.fromEntries(Object.entries(record).filter(([name]) => isKept(name)));
}

function originOf({ protocol, host }: FastifyRequest): string {
  return `${protocol}://${host}`;
}
