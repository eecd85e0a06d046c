import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Database } from '../directory/database.ts';
import {
  checkVideo,
  type EntryType,
  roomSchema,
  userSchema,
  type Values,
  videoSchema,
} from '../directory/entries.ts';
import { readEntry } from '../directory/read.ts';
import { type Actor, type Store, UnknownReferenceError } from '../directory/store.ts';
import { type FieldError, invalidRequest, ServiceError } from '../errors.ts';
import { roomIdSchema, userIdSchema, videoIdSchema } from '../identifiers.ts';
import { REFUSED } from './refusals.ts';

/** A type of directory entry: its path and schemas. */
type Resource<T extends EntryType> = {
  noun: T;
  path: string;
  id: z.ZodType<string>;
  schema: z.ZodType<Values[T]>;
  /** Validates input beyond the schema; stored entries may still violate it. */
  check?(value: Values[T]): FieldError | undefined;
};

/** The actor of every change by the directory API: ADMIN_API_KEY is its only key. */
export const ADMIN: Actor = 'admin';

/** A room may have many members. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

const users: Resource<'user'> = {
  noun: 'user',
  path: 'users',
  id: userIdSchema,
  schema: userSchema.meta({ id: 'User' }),
};

const videos: Resource<'video'> = {
  noun: 'video',
  path: 'videos',
  id: videoIdSchema,
  schema: videoSchema.meta({ id: 'Video' }),
  check: checkVideo,
};

const rooms: Resource<'room'> = {
  noun: 'room',
  path: 'rooms',
  id: roomIdSchema,
  schema: roomSchema.meta({ id: 'Room' }),
};

export const NO_CONTENT = { 204: z.null().meta({ description: 'Done.' }) };

export type ResourceOptions = {
  /** For reads. */
  database: Database;
  /** For changes. */
  store: Store;
};

/** `PUT`, `GET` and `DELETE` of `/directory/{users,videos,rooms}/{id}`. */
export function resourceRoutes(options: ResourceOptions): FastifyPluginAsync {
  return async (app) => {
    await app.register(routesOf(users, options));
    await app.register(routesOf(videos, options));
    await app.register(routesOf(rooms, options));
  };
}

function routesOf<T extends EntryType>(
  resource: Resource<T>,
  { database, store }: ResourceOptions,
): FastifyPluginAsync {
  const { noun, path, schema } = resource;
  const param = `${noun}Id`;
  const url = `/directory/${path}/:${param}`;
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
        const values = request.body as Values[T];
        const wrong = resource.check?.(values);
        if (wrong) throw invalidRequest(wrong.message, wrong.path);
        return asInvalidRequest(store.put(ADMIN, noun, id, values));
      },
    );
    app.get(url, { schema: { ...describe('get', `Read a ${noun}`), response } }, async (request) =>
      required(await readEntry(database, noun, idOf(request)), noun),
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
        const deleted = await store.delete(ADMIN, noun, id);
        required(deleted || undefined, noun);
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

async function asInvalidRequest<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof UnknownReferenceError)) throw error;
    throw invalidRequest(error.message);
  }
}
