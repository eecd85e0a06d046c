import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance } from 'fastify';
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import { directoryRoutes } from '../../src/admin/directory.ts';
import { createStore } from '../../src/directory/store.ts';
import { addHealthRoutes } from '../../src/http/health.ts';
import { videoTokenRoute } from '../../src/http/video-token.ts';
import { addExamples, addInternalBodies, type OpenApi } from './examples.ts';

/** A placeholder for dependencies: the application only generates the document. */
const unused = (): never => {
  throw new Error('this application serves no requests');
};

const SESSION = { query: unused, parameter: unused, list: unused };

const COMMON = { version: '1', license: { name: 'MIT', identifier: 'MIT' } };

/** The public API as OpenAPI 3.1, from the schemas that validate the requests. */
export async function describePublicApi(): Promise<object> {
  const options = {
    verify: unused,
    check: unused,
    generate: unused,
    countryOf: unused,
    now: unused,
    onAuditEvent: unused,
    ttlSeconds: 0,
    outlivesSession: false,
    repliesUserId: false,
    strictIds: true,
  };
  const document = await describe(
    {
      info: {
        ...COMMON,
        title: 'zego-video-token',
        description: `Issues ZEGO video tokens: the token with which ZEGO's copyrighted-video player loads a
licensed film. The client signs in to your app, asks here for a room and a video, and passes the
token to \`loadCopyrightedVideo\`. Every refusal is a problem (RFC 9457) whose \`code\` says what is
wrong and whose \`action\` says what the client should do.

A connection has one request at a time. When more requests come before the answer, that answer says
\`Connection: close\` and is the last: send the others again (RFC 9112 section 9.3.2). An answer before
the end of a body closes the connection too.`,
      },
      servers: [
        server('https://video-token.example', 'Production: where you deploy it.', false),
        server('http://127.0.0.1:8080', 'Local: on this machine.', true),
      ],
      tags: [
        { name: 'Video token', description: 'For clients.' },
        { name: 'Operations', description: 'For load balancers.' },
      ],
      credential: {
        ...BEARER,
        bearerFormat: 'JWT',
        description:
          'The JWT that your app gives its signed-in users; its user is the user of the token. Verified as RFC8725 advises.',
      },
    },
    async (app) => {
      addHealthRoutes(app, { lifecycle: unused, dependencies: unused });
      await app.register(
        videoTokenRoute(options, { enter: unused, byAddress: unused, byUser: unused }),
      );
    },
  );
  addExamples(document);
  return document;
}

/** The directory API of the internal listener as OpenAPI 3.1. */
export async function describeInternalApi(): Promise<object> {
  const database = { ...SESSION, transaction: unused, snapshot: unused, close: unused };
  const document = await describe(
    {
      info: {
        ...COMMON,
        title: 'zego-video-token, internal listener',
        description: `Users, rooms and videos, for the team alone. It is there with ACCESS_MODE=sqlite or postgres and
ADMIN_API_KEY set. A change holds from the next request on.`,
      },
      servers: [server('http://127.0.0.1:9090', 'Local: the internal listener.', true)],
      tags: [{ name: 'Directory', description: 'Who is there, and what can be watched where.' }],
      credential: { ...BEARER, description: 'ADMIN_API_KEY.' },
    },
    async (app) => {
      const options = { database, store: createStore(database) };
      const service = { explain: unused };
      await app.register(directoryRoutes({ ...options, service, now: unused }));
    },
  );
  addInternalBodies(document);
  return document;
}

type Description = { info: object; servers: object[]; tags: object[]; credential: object };

async function describe(
  { info, servers, tags, credential }: Description,
  addRoutes: (app: FastifyInstance) => Promise<void>,
): Promise<OpenApi> {
  const app: FastifyInstance = fastify();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  const components = { securitySchemes: { credential } };
  const security = [{ credential: [] }];
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info, servers, security, tags, components } as never,
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  await addRoutes(app);
  await app.ready();
  const document = tidy(app.swagger());
  await app.close();
  return document;
}

function server(url: string, description: string, internal: boolean) {
  return { url, description, 'x-internal': internal };
}

const BEARER = { type: 'http', scheme: 'bearer' };

/**
 * Removes unused schemas (the transform emits each as input and output) and `additionalProperties: false`, so that
 * clients accept new members. Integers go up to 2^53.
 */
function tidy(generated: object): OpenApi {
  let text = JSON.stringify(generated, (key, value) => {
    if (key === 'additionalProperties' && value === false) return undefined;
    return value?.type === 'integer' ? { ...value, format: 'int64' } : value;
  });
  const { components } = JSON.parse(text);
  const unused = Object.keys(components.schemas).filter(
    (name) => !text.includes(`"#/components/schemas/${name}"`),
  );
  const document = JSON.parse(text);
  for (const name of unused) delete document.components.schemas[name];
  text = JSON.stringify(document).replaceAll(/(Request|Change)Input"/g, '$1"');
  return JSON.parse(text);
}
