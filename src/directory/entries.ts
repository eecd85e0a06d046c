import { z } from 'zod';
import { PUBLISHERS } from '../access/access.ts';
import { plainText, roomIdSchema, userIdSchema, videoIdSchema } from '../identifiers.ts';
import { shapeOf, textColumn } from './columns.ts';
import { LICENCE_COLUMNS, licencesSchema } from './licences.ts';

function searchedColumn(name: string, maxLength: number) {
  const column = textColumn(name, plainText().max(maxLength).nullable());
  return { ...column, isSearched: true as const };
}

const USER_COLUMNS = {
  status: textColumn('status', z.enum(['active', 'suspended'])),
  name: searchedColumn('name', 200),
};

const VIDEO_COLUMNS = {
  title: searchedColumn('title', 500),
  status: textColumn('status', z.enum(['available', 'withdrawn'])),
  availableFrom: LICENCE_COLUMNS.from,
  availableUntil: LICENCE_COLUMNS.until,
  regions: LICENCE_COLUMNS.regions,
};

const ROOM_COLUMNS = {
  status: textColumn('status', z.enum(['open', 'closed'])),
  publish: textColumn('publish', z.enum(PUBLISHERS)),
};

/**
 * The table of each type of entry. Schemas, SQL statements and rows are derived from these columns. Every table also
 * has an `id`. A new row gets the default of the table for each column that is not given.
 */
export const TABLES = {
  user: { name: 'users', columns: USER_COLUMNS },
  video: { name: 'videos', columns: VIDEO_COLUMNS },
  room: { name: 'rooms', columns: ROOM_COLUMNS },
} as const;

/** The lists of a room: the link table, its column, and the type it refers to. */
export const LINKS = {
  videoIds: { table: 'room_videos', column: 'video_id', type: 'video' },
  memberIds: { table: 'room_members', column: 'user_id', type: 'user' },
  /** They must be members, and leave with them. */
  hostIds: { table: 'room_hosts', column: 'user_id', type: 'user' },
} as const;

/** A user of the directory, without its id. Release 0.2.0 does not take a name, so that it is left out where it is null. */
export const userSchema = z
  .strictObject(shapeOf(USER_COLUMNS))
  .partial()
  .required({ status: true })
  .extend({
    name: USER_COLUMNS.name.schema.optional().meta({
      description:
        'For people who search; in no token, audit line or change. USER_NAMES=off refuses it.',
    }),
  });

/**
 * A video. Its only licence is `availableFrom ≤ now < availableUntil` in `regions`; several are `licences`, without
 * these fields.
 */
export const videoSchema = z
  .strictObject({ ...shapeOf(VIDEO_COLUMNS), licences: licencesSchema })
  .partial()
  .required({ title: true, status: true });

/**
 * A room with its lists. Release 0.2.0 knows neither `publish` nor `hostIds`, so that they are left out where they
 * are `members` and empty.
 */
export const roomSchema = z
  .strictObject({
    ...shapeOf(ROOM_COLUMNS),
    videoIds: z.array(videoIdSchema),
    memberIds: z.array(userIdSchema),
    hostIds: z.array(userIdSchema).meta({ description: 'Members who may publish.' }),
  })
  .partial({ publish: true, hostIds: true })
  .extend({
    publish: ROOM_COLUMNS.publish.schema.optional().meta({
      description: 'Who may send streams with a room token; members by default.',
    }),
  });

/** Changes of an entry. A field that is left out stays as it is, or has its default in a new entry. */
export const changeSchemas = {
  user: userSchema.partial(),
  video: videoSchema.partial().extend({
    licences: licencesSchema.nullable().optional().meta({
      description:
        'In place of availableFrom, availableUntil and regions. Licences that cover a country and touch or overlap count as one. An empty list is nowhere; null is everywhere and always.',
    }),
  }),
  room: roomSchema.partial(),
};

/** One line of import and export. */
export const entrySchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('user'), id: userIdSchema, ...changeSchemas.user.shape }),
  z.strictObject({ type: z.literal('video'), id: videoIdSchema, ...changeSchemas.video.shape }),
  z.strictObject({ type: z.literal('room'), id: roomIdSchema, ...changeSchemas.room.shape }),
]);

export type Entry = z.output<typeof entrySchema>;

/** A kind of entry. */
export type EntryType = Entry['type'];

/** Each type of entry as it is stored, without the id. */
export type Values = {
  user: z.output<typeof userSchema>;
  video: z.output<typeof videoSchema>;
  room: z.output<typeof roomSchema>;
};

/** The fields of each type of entry that a change gives. */
export type Changes = { [T in EntryType]: z.output<(typeof changeSchemas)[T]> };
