import { z } from 'zod';
import type { FieldError } from '../errors.ts';
import {
  countrySchema,
  plainText,
  roomIdSchema,
  userIdSchema,
  videoIdSchema,
} from '../identifiers.ts';
import { listColumn, shapeOf, textColumn, timeColumn } from './columns.ts';

/** The officially assigned ISO 3166-1 alpha-2 codes, and XK, the user-assigned code for Kosovo. */
const ISO_3166_1 =
  'AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ ' +
  'CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO ' +
  'FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE ' +
  'JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO ' +
  'MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW ' +
  'PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM ' +
  'TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW';

export const COUNTRIES: ReadonlySet<string> = new Set(ISO_3166_1.split(' '));

const USER_COLUMNS = {
  status: textColumn('status', z.enum(['active', 'suspended'])),
};

const VIDEO_COLUMNS = {
  title: textColumn('title', plainText().max(500).nullable()),
  status: textColumn('status', z.enum(['available', 'withdrawn'])),
  availableFrom: timeColumn('available_from'),
  availableUntil: timeColumn('available_until'),
  regions: listColumn('regions', countrySchema),
};

const ROOM_COLUMNS = {
  status: textColumn('status', z.enum(['open', 'closed'])),
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
} as const;

/** A user of the directory, without its id. */
export const userSchema = z.strictObject(shapeOf(USER_COLUMNS));

/** A video: its licence window is `availableFrom ≤ now < availableUntil`. */
export const videoSchema = z.strictObject(shapeOf(VIDEO_COLUMNS));

/** A room with its lists. */
export const roomSchema = z.strictObject({
  ...shapeOf(ROOM_COLUMNS),
  videoIds: z.array(videoIdSchema),
  memberIds: z.array(userIdSchema),
});

/** Changes of an entry. A field that is left out stays as it is, or has its default in a new entry. */
export const changeSchemas = {
  user: userSchema.partial(),
  video: videoSchema.partial(),
  room: roomSchema.partial(),
};

/** Finds what the schema cannot: an empty licence window, an unknown country. Release 0.1.0 accepted both. */
export function checkVideo({ availableFrom, availableUntil, regions }: VideoChange) {
  const wrong = (path: string, message: string): FieldError => ({ path, message });
  if (isEmptyWindow(availableFrom, availableUntil)) return wrong('availableUntil', EMPTY_WINDOW);
  const index = regions?.findIndex((country) => !COUNTRIES.has(country)) ?? -1;
  if (index < 0) return undefined;
  const hint = regions?.[index] === 'UK' ? '; the United Kingdom is GB' : '';
  return wrong(`regions.${index}`, `${regions?.[index]} is not a country of ISO 3166-1${hint}`);
}

export const EMPTY_WINDOW = 'must be later than availableFrom';

/** The window never opens. */
export function isEmptyWindow(from?: number | null, until?: number | null): boolean {
  return from != null && until != null && until <= from;
}

/** One line of import and export. */
export const entrySchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('user'), id: userIdSchema, ...changeSchemas.user.shape }),
  z.strictObject({ type: z.literal('video'), id: videoIdSchema, ...changeSchemas.video.shape }),
  z.strictObject({ type: z.literal('room'), id: roomIdSchema, ...changeSchemas.room.shape }),
]);

export type VideoChange = z.output<typeof changeSchemas.video>;
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
