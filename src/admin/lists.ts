import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Database } from '../directory/database.ts';
import { type EntryType, roomSchema, userSchema, videoSchema } from '../directory/entries.ts';
import { entriesOf, type ListQuery, listEntries, roomsWith } from '../directory/search.ts';
import { plainText, roomIdSchema, userIdSchema, videoIdSchema } from '../identifiers.ts';
import { REFUSED } from './schemas.ts';

/** Of every list of this listener. */
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

/** How many entries a page has. */
export const limitSchema = z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT);

/** The `after` of a list whose entries are numbered. */
export const positionSchema = z
  .string()
  .regex(/^\d{1,15}$/, 'must be the next of a page')
  .optional();

/** What to give as `after` for the next page. */
export const nextSchema = z
  .string()
  .nullable()
  .meta({ description: 'The after of the next page.' });

const listShape = {
  q: plainText().max(200).optional().meta({
    description:
      'Words that must all be found, without regard to case: in the name or title, or at the beginning of the id.',
  }),
  after: plainText().min(1).max(128).optional().meta({ description: 'The next of a page.' }),
  limit: limitSchema,
};

/** A page of entries, under the name of their kind. */
function pageSchema<T extends z.ZodType>(name: string, id: string, entry: T) {
  return z
    .object({
      [name]: z.array(entry),
      next: nextSchema,
    })
    .meta({ id });
}

const PAGES = {
  users: pageSchema('users', 'Users', userSchema.extend({ id: z.string() })),
  rooms: pageSchema('rooms', 'Rooms', roomSchema.pick({ status: true }).extend({ id: z.string() })),
  videos: pageSchema('videos', 'Videos', videoSchema.extend({ id: z.string() })),
};

/** Lists of users, rooms and videos, ordered by id. */
export function listRoutes({ database }: { database: Database }): FastifyPluginAsyncZod {
  const read = async <T extends EntryType>(
    name: keyof typeof PAGES,
    type: T,
    query: ListQuery,
    links: Parameters<typeof listEntries>[3] = [],
  ) => {
    const { entries, next } = await listEntries(database, type, query, links);
    return { [name]: entries, next };
  };
  return async (app) => {
    app.get(
      '/directory/users',
      { schema: describe('users', 'Find users', z.strictObject(listShape)) },
      async ({ query }) => read('users', 'user', query),
    );
    const rooms = z.strictObject({
      ...listShape,
      member: userIdSchema.optional(),
      video: videoIdSchema.optional(),
    });
    app.get(
      '/directory/rooms',
      { schema: describe('rooms', 'Find rooms, by a member or a video, too', rooms) },
      async ({ query: { member, video, ...query } }) =>
        read('rooms', 'room', query, [
          ...(member === undefined ? [] : [roomsWith('memberIds', member)]),
          ...(video === undefined ? [] : [roomsWith('videoIds', video)]),
        ]),
    );
    const videos = z.strictObject({ ...listShape, room: roomIdSchema.optional() });
    app.get(
      '/directory/videos',
      { schema: describe('videos', 'Find videos, by their room, too', videos) },
      async ({ query: { room, ...query } }) =>
        read('videos', 'video', query, room === undefined ? [] : [entriesOf('videoIds', room)]),
    );
  };
}

function describe<Q extends z.ZodType>(name: keyof typeof PAGES, summary: string, querystring: Q) {
  const content = { 'application/json': { schema: PAGES[name] } };
  return {
    operationId: `find${name[0]?.toUpperCase()}${name.slice(1)}`,
    summary,
    tags: ['Directory'],
    querystring,
    response: { 200: { description: 'A page, ordered by id.', content }, ...REFUSED },
  };
}
