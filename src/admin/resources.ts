import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Database } from '../directory/database.ts';
import {
  type Changes,
  changeSchemas,
  type EntryType,
  roomSchema,
  userSchema,
  type Values,
  videoSchema,
} from '../directory/entries.ts';
import { checkLicences } from '../directory/licences.ts';
import { readEntry } from '../directory/read.ts';
import { ConflictError, type Store } from '../directory/store.ts';
import { type FieldError, invalidRequest, ServiceError } from '../errors.ts';
import { addJsonParser } from '../http/request.ts';
import { roomIdSchema, userIdSchema, videoIdSchema } from '../identifiers.ts';
import { etagOf, preconditionOf } from './etag.ts';
import { authorOf } from './keys.ts';
import { REFUSED } from './schemas.ts';

/** A type of directory entry: its path and schemas. */
type Resource<T extends EntryType> = {
  noun: T;
  path: string;
  id: z.ZodType<string>;
  /** What GET answers. */
  schema: z.ZodType<Values[T]>;
  /** What PUT and PATCH take. */
  changes: z.ZodType<Changes[T]>;
  /** Validates input beyond the schema; stored entries may still violate it. */
  check?(changes: Changes[T]): FieldError | undefined;
};

/** RFC 7396. For flat entries whose lists are replaced as a whole, it means the same as plain JSON. */
const MERGE_PATCH = 'application/merge-patch+json';

/** A room may have many members. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

const users: Resource<'user'> = {
  noun: 'user',
  path: 'users',
  id: userIdSchema,
  schema: userSchema.meta({ id: 'User' }),
  changes: changeSchemas.user.meta({ id: 'UserChange' }),
};

const videos: Resource<'video'> = {
  noun: 'video',
  path: 'videos',
  id: videoIdSchema,
  schema: videoSchema.meta({ id: 'Video' }),
  changes: changeSchemas.video.meta({ id: 'VideoChange' }),
  check: checkLicences,
};

const rooms: Resource<'room'> = {
  noun: 'room',
  path: 'rooms',
  id: roomIdSchema,
  schema: roomSchema.meta({ id: 'Room' }),
  changes: changeSchemas.room.meta({ id: 'RoomChange' }),
};

export const NO_CONTENT = { 204: z.null().meta({ description: 'Done.' }) };

export type ResourceOptions = {
  /** For reads. */
  database: Database;
  /** For changes. */
  store: Store;
};

/** `PUT`, `PATCH`, `GET` and `DELETE` of `/directory/{users,videos,rooms}/{id}`. */
export function resourceRoutes(options: ResourceOptions): FastifyPluginAsync {
  return async (app) => {
    await app.register(routesOf(users, options));
    await app.register(routesOf(videos, options));
    await app.register(routesOf(rooms, options));
  };
}

/** The address of a resource and its descriptions for the OpenAPI document. */
function addressOf<T extends EntryType>({ noun, path, schema, id }: Resource<T>) {
  const param = `${noun}Id`;
  const content = { 'application/json': { schema } };
  return {
    url: `/directory/${path}/:${param}`,
    idOf: ({ params }: FastifyRequest) => (params as Record<string, string>)[param] as string,
    response: { 200: { description: `The ${noun}.`, content }, ...REFUSED },
    describe: (verb: string, summary: string) => ({
      operationId: `${verb}${noun[0]?.toUpperCase()}${noun.slice(1)}`,
      summary,
      tags: ['Directory'],
      params: z.object({ [param]: id }),
    }),
  };
}

function routesOf<T extends EntryType>(
  resource: Resource<T>,
  options: ResourceOptions,
): FastifyPluginAsync {
  const { database, store } = options;
  const { noun } = resource;
  const { url, idOf, response, describe } = addressOf(resource);
  return async (app) => {
    await app.register(changeRoutes(resource, options));
    app.get(
      url,
      { schema: { ...describe('get', `Read a ${noun}`), response } },
      async (request, reply) =>
        withEtag(reply, required(await readEntry(database, noun, idOf(request)), noun)),
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
        const check = preconditionOf(request);
        const deleted = await store.delete(authorOf(request), noun, idOf(request), check);
        required(deleted || undefined, noun);
        return reply.code(204).send(null);
      },
    );
  };
}

/** `PUT` creates a missing entry, `PATCH` does not; both keep the fields that are left out. */
function changeRoutes<T extends EntryType>(
  resource: Resource<T>,
  { store }: ResourceOptions,
): FastifyPluginAsync {
  const { noun, changes: body } = resource;
  const { url, idOf, response, describe } = addressOf(resource);
  const change = (create: boolean) => async (request: FastifyRequest, reply: FastifyReply) => {
    const given = request.body as Changes[T];
    const wrong = resource.check?.(given);
    if (wrong) throw invalidRequest(wrong.message, wrong.path);
    const options = { create, check: preconditionOf(request) };
    const stored = await asInvalidRequest(
      store.put(authorOf(request), noun, idOf(request), given, options),
    );
    return withEtag(reply, required(stored, noun));
  };
  const route = (verb: string, summary: string) => ({
    bodyLimit: MAX_BODY_BYTES,
    schema: { ...describe(verb, summary), body, response },
  });
  return async (app) => {
    app.put(url, route('put', `Create a ${noun}, or change the given fields`), change(true));
    await app.register(async (scope) => {
      addJsonParser(scope, ['application/json', MERGE_PATCH]);
      scope.patch(url, route('patch', `Change the given fields of a ${noun}`), change(false));
    });
  };
}

function withEtag<T>(reply: FastifyReply, value: T): T {
  reply.header('etag', etagOf(value));
  return value;
}

/** @throws {ServiceError} `not_found` */
export function required<T>(value: T | undefined, noun: string): T {
  if (value === undefined) {
    throw new ServiceError('not_found', { detail: `There is no such ${noun} in the directory.` });
  }
  return value;
}

async function asInvalidRequest<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    throw invalidRequest(error.message, error.path);
  }
}
