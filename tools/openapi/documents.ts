import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance } from 'fastify';
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  answerSchema,
  basicQuestionSchema,
  entryAnswerSchema,
  questionSchema,
  roomQuestionSchema,
} from '../../src/access/backend.ts';
import { decisionRoutes } from '../../src/admin/decision-routes.ts';
import { createRecentDecisions } from '../../src/admin/decisions.ts';
import { directoryRoutes } from '../../src/admin/directory.ts';
import { sessionRoutes } from '../../src/admin/session-routes.ts';
import { createStore } from '../../src/directory/store.ts';
import { basicTokenRoute, roomTokenRoute } from '../../src/http/entry-tokens.ts';
import { addHealthRoutes } from '../../src/http/health.ts';
import { videoTokenRoute } from '../../src/http/video-token.ts';
import { addExamples, addInternalBodies, completeBackendApi, type OpenApi } from './examples.ts';

/** A placeholder for dependencies: the application only generates the document. */
const unused = (): never => {
  throw new Error('this application serves no requests');
};

const SESSION = {
  query: unused,
  parameter: unused,
  list: unused,
  contains: unused,
  isLocal: true,
  clock: '',
  author: { set: '' },
};

const ADMIN = {
  keys: unused,
  sessions: { start: unused, find: unused },
  addressOf: unused,
  hosts: [],
  now: unused,
};

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
        {
          name: 'Room and basic tokens',
          description: 'For clients; there with ROOM_TOKENS=on and BASIC_TOKENS=on or zim alone.',
        },
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
      const limits = { enter: unused, byAddress: unused, byUser: unused };
      const entry = { ...options, checkEntry: unused, appId: 0 };
      await app.register(videoTokenRoute(options, limits));
      await app.register(roomTokenRoute(entry, limits));
      await app.register(basicTokenRoute(entry, false, limits));
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
        description: `Users, rooms and videos, sessions and decisions, for the team alone. It is there with
ADMIN_API_KEY or ADMIN_KEYS_FILE set, the directory with ACCESS_MODE=sqlite or postgres. A change holds from
the next request on.

A browser signs in with POST /session and has a cookie from then on. A request with that cookie is answered
only under a name that this listener has (ADMIN_HOSTS), and one that changes something only from a page of
this listener.`,
      },
      servers: [server('http://127.0.0.1:9090', 'Local: the internal listener.', true)],
      tags: [
        { name: 'Directory', description: 'Who is there, and what can be watched where.' },
        { name: 'Decisions', description: 'What this replica has decided.' },
        { name: 'Session', description: 'For browsers.' },
      ],
      credential: { ...BEARER, description: 'A key of ADMIN_KEYS_FILE, or ADMIN_API_KEY.' },
    },
    async (app) => {
      const options = { database, store: createStore(database) };
      const service = { explain: unused, explainPast: unused };
      await app.register(directoryRoutes({ ...options, service, countryOf: unused, now: unused }));
      const decisions = createRecentDecisions('', unused);
      await app.register(decisionRoutes(decisions, ADMIN));
      await app.register(sessionRoutes(ADMIN, { directory: true, tokenTtlSeconds: 0 }));
    },
  );
  addInternalBodies(document);
  return document;
}

/** What `ACCESS_MODE=http` asks of the team's own backend, as OpenAPI 3.1. */
export async function describeBackendApi(): Promise<object> {
  const document = await describe(
    {
      info: {
        ...COMMON,
        title: 'The backend of ACCESS_MODE=http',
        description: `The question that zego-video-token asks your backend before each token, and the
answers that it accepts. ACCESS_HTTP_URL is the whole address; the path here is an example. Any status
but 200, an answer of another form, or none within ACCESS_HTTP_TIMEOUT_MS is 503
\`dependency_unavailable\` for the client, and never a token.

At its start, and while your backend is down, the service asks about the user, room and video
\`probe\`: any answer proves that the backend works, and so does a 4xx but 401, 405, 408 and 429.`,
      },
      servers: [server('https://backend.example', 'Production: your backend.', false)],
      tags: [{ name: 'Access', description: 'Who may watch what.' }],
      credential: { ...BEARER, description: 'ACCESS_HTTP_SECRET. Compare it in constant time.' },
    },
    async (app) => {
      app.post('/video-access', { schema: BACKEND_ROUTE }, unused);
    },
  );
  completeBackendApi(document);
  return document;
}

const refused = (description: string) => z.null().meta({ description });

const BACKEND_ROUTE = {
  operationId: 'decideVideoAccess',
  summary: 'May this user load this video in this room?',
  tags: ['Access'],
  description:
    'A question with a `kind` is asked for POST /room-token and /basic-token, where ROOM_TOKENS and BASIC_TOKENS are on. Its answer repeats the kind where it allows.',
  body: z.union([questionSchema, roomQuestionSchema, basicQuestionSchema]),
  response: {
    200: {
      description:
        'The decision. An unknown field in one that allows makes it no decision (reason `backend_reply` in the log), unless ACCESS_IGNORED_FIELDS names the field.',
      content: { 'application/json': { schema: z.union([answerSchema, entryAnswerSchema]) } },
    },
    400: refused('No decision. Other questions are still asked.'),
    401: refused('The secret is wrong. Counts as a failure of the backend.'),
    429: refused('Too many questions. Counts as a failure of the backend.'),
    500: refused('No decision. When half of the questions fail, one is asked every 5 s.'),
  },
};

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
  const text = JSON.stringify(generated, (key, value) => {
    if (key === 'additionalProperties' && value === false) return undefined;
    return value?.type === 'integer' ? { ...value, format: 'int64' } : value;
  });
  const used = JSON.stringify(withoutUnused(JSON.parse(text)));
  // Where both are used, as for a licence, they are the same.
  return JSON.parse(used.replaceAll(/(Request|Change|Question|Licence)Input"/g, '$1"'));
}

/** Removes schemas that nothing refers to, and then those that only they referred to. */
function withoutUnused(document: OpenApi): OpenApi {
  const schemas = document.components?.schemas ?? {};
  const text = JSON.stringify(document);
  const unused = Object.keys(schemas).filter(
    (name) => !text.includes(`"#/components/schemas/${name}"`),
  );
  if (unused.length === 0) return document;
  for (const name of unused) delete schemas[name];
  return withoutUnused(document);
}
