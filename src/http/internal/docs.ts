import { fileURLToPath } from 'node:url';
import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { type BareAppOptions, createBareApp } from '../base.ts';

/** Where the API reference is, and the OpenAPI document that it shows. */
const PAGES = {
  '/docs': 'openapi.yaml',
  '/docs/directory': 'openapi.internal.yaml',
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
export async function createDocsApp(options: BareAppOptions): Promise<FastifyInstance> {
  const app = createBareApp(options);
  // The plugin fails at conditions that do not hold, and at ranges that are not there.
  app.addHook('onRequest', ({ headers }, _reply, done) => {
    for (const name of ['range', 'if-match', 'if-unmodified-since']) delete headers[name];
    done();
  });
  await app.register(helmet, PAGE_HEADERS);
  for (const [routePrefix, file] of Object.entries(PAGES)) {
    await app.register(async (scope) => {
      const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
      await scope.register(swagger, { mode: 'static', specification: { path, baseDir: '' } });
      await scope.register(swaggerUi, { routePrefix, uiConfig: { tryItOutEnabled: true } });
    });
  }
  await app.ready();
  return app;
}
