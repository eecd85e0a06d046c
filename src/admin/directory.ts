import { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AccessService } from '../access/access.ts';
import { CHANGE_TYPES, readChanges, UnknownMomentError } from '../directory/changes.ts';
import { exportDirectory } from '../directory/export.ts';
import { ImportError, importDirectory } from '../directory/transfer.ts';
import { invalidRequest, ServiceError } from '../errors.ts';
import { countrySchema, roomIdSchema, userIdSchema, videoIdSchema } from '../identifiers.ts';
import { withIdleTimeout } from '../lines.ts';
import { MOMENT_RULE, parseMoment } from '../time.ts';
import { authorOf } from './keys.ts';
import { limitSchema } from './lists.ts';
import { REFUSED } from './refusals.ts';
import { NO_CONTENT, type ResourceOptions, required, resourceRoutes } from './resources.ts';

const NDJSON = 'application/x-ndjson';
/** An import blocks other writers: it may be long, but not idle. */
const IDLE_MS = 10_000;
const MAX_IMPORT_BYTES = 4 * 1024 ** 3;

export type DirectoryOptions = ResourceOptions & {
  service: Pick<AccessService, 'explain' | 'explainPast'>;
  /** Unix seconds. */
  now(): number;
};

/** The directory API: users, rooms, videos, import and export, explain. */
export function directoryRoutes(options: DirectoryOptions): FastifyPluginAsyncZod {
  return async (app) => {
    await app.register(resourceRoutes(options));
    await app.register(memberRoutes(options));
    await app.register(transferRoutes(options));
    await app.register(explainRoute(options));
    await app.register(changesRoute(options));
  };
}

const flagSchema = z.enum(['true', 'false']).optional();

const UNKNOWN_MEMBER =
  'There is no such user in the directory; correct the id, or add ?create=true to create the user.';

function memberRoutes({ store }: DirectoryOptions): FastifyPluginAsyncZod {
  const url = '/directory/rooms/:roomId/members/:userId';
  const params = z.object({ roomId: roomIdSchema, userId: userIdSchema });
  const create = flagSchema.meta({ description: 'With true, an unknown user is created.' });
  const response = { ...NO_CONTENT, ...REFUSED };
  const common = { params, response, tags: ['Directory'] };
  return async (app) => {
    app.put(
      url,
      {
        schema: {
          ...common,
          operationId: 'putMember',
          summary: 'Make a user a member of a room',
          querystring: z.strictObject({ create }),
        },
      },
      async (request, reply) => {
        const { roomId, userId } = request.params;
        const create = request.query.create === 'true';
        const missing = await store.putMember(authorOf(request), roomId, userId, create);
        if (missing === 'user') throw new ServiceError('not_found', { detail: UNKNOWN_MEMBER });
        required(missing === undefined || undefined, 'room');
        return reply.code(204).send(null);
      },
    );
    app.delete(
      url,
      { schema: { ...common, operationId: 'deleteMember', summary: 'Take a user out of a room' } },
      async (request, reply) => {
        const { roomId, userId } = request.params;
        const done = await store.deleteMember(authorOf(request), roomId, userId);
        required(done || undefined, 'member');
        return reply.code(204).send(null);
      },
    );
  };
}

const countsSchema = z
  .object({ user: z.int(), video: z.int(), room: z.int() })
  .meta({ id: 'ImportCounts' });

function transferRoutes({ database, store }: DirectoryOptions): FastifyPluginAsyncZod {
  const lines = { [NDJSON]: { schema: z.any() } };
  const counts = { 'application/json': { schema: countsSchema } };
  const allowEmpty = flagSchema.meta({
    description: 'With true, an import without entries is accepted.',
  });
  return async (app) => {
    app.addContentTypeParser(NDJSON, (_request, payload, done) => done(null, payload));
    app.post(
      '/directory/import',
      {
        bodyLimit: MAX_IMPORT_BYTES,
        schema: {
          operationId: 'importDirectory',
          summary: 'Import users, videos and rooms from NDJSON; one invalid line refuses all',
          tags: ['Directory'],
          consumes: [NDJSON],
          querystring: z.strictObject({ allowEmpty }),
          response: {
            200: { description: 'What was read.', content: counts },
            ...REFUSED,
          },
        },
      },
      async (request, reply) => {
        const { body, query } = request;
        if (!(body instanceof Readable)) throw new ServiceError('unsupported_media_type');
        // Aborts the import when the client disconnects.
        const disconnected = new AbortController();
        reply.raw.once('close', () => disconnected.abort(new ServiceError('request_timeout')));
        const chunks = withIdleTimeout(body, IDLE_MS);
        const options = {
          author: authorOf(request),
          signal: disconnected.signal,
          allowEmpty: query.allowEmpty === 'true',
        };
        return importDirectory(store, chunks, options).catch(rethrowAsInvalid);
      },
    );
    app.get(
      '/directory/export',
      {
        config: { keyRole: 'write' },
        schema: {
          operationId: 'exportDirectory',
          summary: 'Export the directory as NDJSON, which import accepts',
          tags: ['Directory'],
          response: {
            200: { description: 'NDJSON: one JSON object per line.', content: lines },
            ...REFUSED,
          },
        },
      },
      async (_request, reply) =>
        reply.type(NDJSON).send(Readable.from(exportDirectory(database), { objectMode: false })),
    );
  };
}

function rethrowAsInvalid(error: unknown): never {
  if (!(error instanceof ImportError)) throw error;
  if (error.problems.length === 0) {
    throw invalidRequest('the import has no entries; add ?allowEmpty=true if that is intended');
  }
  const errors = error.problems.map(({ line, message }) => ({
    path: `line ${line}`,
    message: `line ${line}: ${message}`,
  }));
  throw new ServiceError('invalid_request', { errors });
}

const explanationSchema = z
  .object({
    decision: z.unknown().meta({ description: 'What the rules say.' }),
    decidedBy: z.string().nullable().meta({ description: 'The first rule that does not hold.' }),
    rules: z.array(z.object({ rule: z.string(), holds: z.boolean(), fact: z.string() })),
    facts: z.unknown().meta({ description: 'What the directory knows.' }),
  })
  .meta({ id: 'Explanation' });

const momentSchema = z
  .string()
  .max(64)
  .refine((text) => parseMoment(text) !== undefined, MOMENT_RULE);

function rethrowMoment(error: unknown): never {
  if (!(error instanceof UnknownMomentError)) throw error;
  throw invalidRequest(error.message, 'at');
}

const LAST_POSITION = /^\d{1,15}$/;

const changesSchema = z
  .object({
    changes: z.array(
      z
        .object({
          at: z.string().meta({ description: 'RFC 3339.' }),
          actor: z.string().nullable().meta({
            description:
              'The name of a key, or cli: and a user. Null for another program, and for what went with a deleted entry.',
          }),
          requestId: z.string().nullable(),
          type: z.enum(CHANGE_TYPES),
          id: z.string().meta({
            description:
              'Of the user for a member or a token, of the video for a licence or a video of a room.',
          }),
          roomId: z.string().optional(),
          before: z.unknown().meta({ description: 'The fields; null for what is new.' }),
          after: z.unknown().meta({ description: 'The fields; null for what was deleted.' }),
        })
        .meta({ id: 'DirectoryChange' }),
    ),
    next: z.string().nullable().meta({ description: 'The after of the next page.' }),
  })
  .meta({ id: 'DirectoryChanges' });

function changesRoute({ database }: DirectoryOptions): FastifyPluginAsyncZod {
  const querystring = z.strictObject({
    type: z.enum(CHANGE_TYPES).optional(),
    id: z.string().min(1).max(128).optional().meta({
      description: 'Of an entry, or of the room of a member or of a video.',
    }),
    actor: z.string().min(1).max(128).optional(),
    after: z.string().regex(LAST_POSITION, 'must be the next of a page').optional(),
    limit: limitSchema,
  });
  const content = { 'application/json': { schema: changesSchema } };
  return async (app) => {
    app.get(
      '/directory/changes',
      {
        schema: {
          operationId: 'listChanges',
          summary: 'Who changed what, newest first',
          tags: ['Directory'],
          querystring,
          response: { 200: { description: 'A page of changes.', content }, ...REFUSED },
        },
      },
      async ({ query }) => readChanges(database, query),
    );
  };
}

function explainRoute({ service, now }: DirectoryOptions): FastifyPluginAsyncZod {
  const querystring = z.object({
    userId: userIdSchema,
    roomId: roomIdSchema,
    videoId: videoIdSchema,
    country: countrySchema.optional(),
    at: momentSchema.optional().meta({
      description: 'A past moment, in RFC 3339 or Unix seconds: with the directory as it was.',
    }),
  });
  const content = { 'application/json': { schema: explanationSchema } };
  return async (app) => {
    app.get(
      '/directory/explain',
      {
        schema: {
          operationId: 'explainAccess',
          summary: 'Why a user may or may not watch a video in a room; issues nothing',
          tags: ['Directory'],
          querystring,
          response: {
            200: { description: 'The decision and its reasons.', content },
            ...REFUSED,
          },
        },
      },
      async (request) => {
        const { country, at, ...ids } = request.query;
        const question = { ...ids, country, requestId: request.id };
        if (at !== undefined) {
          const past = service.explainPast?.(question, parseMoment(at) ?? 0);
          return required(await past?.catch(rethrowMoment), 'explanation');
        }
        return required(await service.explain?.(question, now()), 'explanation');
      },
    );
  };
}
