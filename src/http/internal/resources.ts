import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Database, Session } from '../../directory/database.ts';
import { checkVideo, roomSchema, userSchema, videoSchema } from '../../directory/entries.ts';
import * as store from '../../directory/store.ts';
import { type FieldError, invalidRequest, ServiceError } from '../../errors.ts';
import { roomIdSchema, userIdSchema, videoIdSchema } from '../../identifiers.ts';
import { REFUSED } from './refusals.ts';

/** What has an id in the directory: how it is checked, read and written. */
type Resource<T> = {
  noun: 'user' | 'video' | 'room';
  kind: store.Kind;
  id: z.ZodType<string>;
  schema: z.ZodType<T>;
  get(session: Session, id: string): Promise<T | undefined>;
  put(session: Session, id: string, value: T): Promise<void>;
  /** A rule over several fields that the schema does not have: an answer may still break it. */
  check?(value: T): FieldError | undefined;
};

/** A room may have many members. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

const users: Resource<z.output<typeof userSchema>> = {
  noun: 'user',
  kind: 'users',
  id: userIdSchema,
  schema: userSchema.meta({ id: 'User' }),
  get: store.getUser,
  put: store.putUser,
};

const videos: Resource<z.output<typeof videoSchema>> = {
  noun: 'video',
  kind: 'videos',
  id: videoIdSchema,
  schema: videoSchema.meta({ id: 'Video' }),
  get: store.getVideo,
  put: store.putVideo,
  check: checkVideo,
};

const rooms: Resource<z.output<typeof roomSchema>> = {
  noun: 'room',
  kind: 'rooms',
  id: roomIdSchema,
  schema: roomSchema.meta({ id: 'Room' }),
  get: store.getRoom,
  put: store.putRoom,
};

/** An answer without a body. */
export const NO_CONTENT = { 204: z.null().meta({ description: 'Done.' }) };

/** `PUT`, `GET` and `DELETE` of `/directory/{users,videos,rooms}/{id}`. */
export function resourceRoutes(database: Database): FastifyPluginAsync {
  return async (app) => {
    await app.register(routesOf(users, database));
    await app.register(routesOf(videos, database));
    await app.register(routesOf(rooms, database));
  };
}

function routesOf<T>(resource: Resource<T>, database: Database): FastifyPluginAsync {
  const { noun, kind, schema, get, put } = resource;
  const param = `${noun}Id`;
  const url = `/directory/${kind}/:${param}`;
  const idOf = ({ params }: FastifyRequest) => (params as Record<string, string>)[param] as string;
  const content = { 'application/json': { schema } };
  const response = { 200: { description: `The ${noun}.`, content }, ...REFUSED };
  const describe = (verb: string, summary: string) => ({
    operationId: `${verb}${noun[0]?.toUpperCase()}${noun.slice(1)}`,
    summary,
    tags: ['Directory'],
    params: z.object({ [param]: resource.id }),
  });

  return async (app) => {
    app.put(
      url,
      {
        bodyLimit: MAX_BODY_BYTES,
        schema: { ...describe('put', `Create or replace a ${noun}`), body: schema, response },
      },
      async (request) => {
        const id = idOf(request);
        const wrong = resource.check?.(request.body as T);
        if (wrong) throw invalidRequest(wrong.message, wrong.path);
        return database.transaction(async (session) => {
          await asInvalidRequest(put(session, id, request.body as T));
          return get(session, id);
        });
      },
    );
    app.get(url, { schema: { ...describe('get', `Read a ${noun}`), response } }, async (request) =>
      required(await get(database, idOf(request)), noun),
    );
    app.delete(
      url,
      {
        schema: {
          ...describe('delete', `Delete a ${noun} and its memberships`),
          response: { ...NO_CONTENT, ...REFUSED },
        },
      },
      async (request, reply) => {
        const id = idOf(request);
        const gone = await database.transaction((session) => store.deleteEntry(session, kind, id));
        required(gone || undefined, noun);
        return reply.code(204).send(null);
      },
    );
  };
}

/** @throws {ServiceError} `not_found` */
export function required<T>(value: T | undefined, noun: string): T {
  if (value === undefined) {
    throw new ServiceError('not_found', { detail: `There is no such ${noun} in the directory.` });
  }
  return value;
}

async function asInvalidRequest(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof store.UnknownReferenceError)) throw error;
    throw invalidRequest(error.message);
  }
}
