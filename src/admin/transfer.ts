import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { CHANGE_TYPES, type ChangeSummary } from '../directory/changes.ts';
import type { Database } from '../directory/database.ts';
import type { Store } from '../directory/store.ts';
import { exportDirectory, ImportError, importDirectory } from '../directory/transfer.ts';
import { invalidRequest, ServiceError } from '../errors.ts';
import { withIdleTimeout } from '../lines.ts';
import { authorOf, requireWrite } from './keys.ts';
import type { ResourceOptions } from './resources.ts';
import { changeSchema, flagSchema, REFUSED } from './schemas.ts';

const NDJSON = 'application/x-ndjson';
/** An import blocks other writers: it may be long, but not idle. */
const IDLE_MS = 10_000;
const MAX_IMPORT_BYTES = 4 * 1024 ** 3;

const countSchema = z.object({ created: z.int(), updated: z.int(), deleted: z.int() });

const countsSchema = z
  .object({
    user: z.int(),
    video: z.int(),
    room: z.int(),
    changes: z
      .object({
        counts: z.partialRecord(z.enum(CHANGE_TYPES), countSchema),
        examples: z.array(changeSchema).meta({ description: 'The first 20 changes.' }),
        wider: z.object({ count: z.int(), videoIds: z.array(z.string()) }).meta({
          description:
            'Videos with a licence that begins earlier, ends later, covers more countries, or is new beside others; the first 100.',
        }),
      })
      .optional()
      .meta({ description: 'With dryRun: what would change.' }),
  })
  .meta({ id: 'ImportCounts' });

/** Import and export as NDJSON. */
export function transferRoutes({ database, store }: ResourceOptions): FastifyPluginAsyncZod {
  return async (app) => {
    await app.register(importRoute(store));
    await app.register(exportRoute(database));
  };
}

function importRoute(store: Store): FastifyPluginAsyncZod {
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
        config: { keyRole: 'read' },
        schema: {
          operationId: 'importDirectory',
          summary: 'Import users, videos and rooms from NDJSON; one invalid line refuses all',
          description:
            'dryRun=true changes nothing, and a key with the role read may do it. replace=true deletes the entries that the file does not name.',
          tags: ['Directory'],
          consumes: [NDJSON],
          querystring: z.strictObject({ allowEmpty, dryRun: flagSchema, replace: flagSchema }),
          response: {
            200: { description: 'What was read.', content: counts },
            ...REFUSED,
          },
        },
      },
      async (request, reply) => runImport(store, request, reply, request.query),
    );
  };
}

function exportRoute(database: Database): FastifyPluginAsyncZod {
  const lines = { [NDJSON]: { schema: z.any() } };
  return async (app) => {
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

type ImportQuery = Partial<Record<'allowEmpty' | 'dryRun' | 'replace', 'true' | 'false'>>;

async function runImport(
  store: Store,
  request: FastifyRequest,
  reply: FastifyReply,
  query: { [Name in keyof ImportQuery]?: ImportQuery[Name] | undefined },
) {
  const { body } = request;
  const isDryRun = query.dryRun === 'true';
  if (!isDryRun) requireWrite(request);
  if (!(body instanceof Readable)) throw new ServiceError('unsupported_media_type');
  // Aborts the import when the client disconnects.
  const disconnected = new AbortController();
  reply.raw.once('close', () => disconnected.abort(new ServiceError('request_timeout')));
  const chunks = withIdleTimeout(body, IDLE_MS);
  let changes: ChangeSummary | undefined;
  const counts = await importDirectory(store, chunks, {
    author: authorOf(request),
    signal: disconnected.signal,
    allowEmpty: query.allowEmpty === 'true',
    replace: query.replace === 'true',
    dryRun: isDryRun,
    onSummary(summary) {
      changes = summary;
    },
  }).catch(rethrowAsInvalid);
  return { ...counts, ...(changes && { changes }) };
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
