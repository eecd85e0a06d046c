import type { AccessFacts, EntryFacts, RoomRequest } from '../access/access.ts';
import { type Column, namesOf } from './columns.ts';
import type { Session } from './database.ts';
import { LINKS, TABLES } from './entries.ts';
import { LICENCE_COLUMNS, otherLicences, parseLicences } from './licences.ts';

type Part = Exclude<keyof AccessFacts, 'reason'>;
type FactsOf<P extends Part> = NonNullable<AccessFacts[P]>;

/** SQL expressions for the ids of a request. */
type QuestionIds = { userId: string; roomId: string; videoId: string };

/** The SQL expressions of a fact, and the conversion of their results, which begin at a position of the row. */
type Fact<T> = { select(ids: QuestionIds): string[]; read(row: FactsRow, at: number): T };

const { user, video, room } = TABLES;

/** All facts; the type requires an entry for each fact of {@link AccessFacts}. */
const FACTS: { [P in Part]: { [Name in keyof FactsOf<P>]: Fact<FactsOf<P>[Name]> } } = {
  user: {
    status: lookUp(user.name, 'userId', user.columns.status),
  },
  room: {
    status: lookUp(room.name, 'roomId', room.columns.status),
    hasMember: linked(LINKS.memberIds, 'userId'),
    hasVideo: linked(LINKS.videoIds, 'videoId'),
  },
  video: {
    status: ofVideo(video.columns.status),
    licences: {
      select: ({ videoId }) => [
        ...namesOf(LICENCE_COLUMNS).map((name) => `video.${name}`),
        otherLicences(videoId),
      ],
      read(row, at) {
        const first = {
          from: LICENCE_COLUMNS.from.fromSql(row[at]),
          until: LICENCE_COLUMNS.until.fromSql(row[at + 1]),
          regions: LICENCE_COLUMNS.regions.fromSql(row[at + 2]),
        };
        const others = row[at + 3];
        return others === null ? [first] : [first, ...parseLicences(others as string)];
      },
    },
  },
};

type Read<T> = (value: unknown) => T;

function lookUp<T>(
  table: string,
  id: keyof QuestionIds,
  { name, fromSql }: Pick<Column, 'name'> & { fromSql: Read<T> },
): Fact<T> {
  return {
    select: (ids) => [`(SELECT ${name} FROM ${table} WHERE id = ${ids[id]})`],
    read: (row, at) => fromSql(row[at]),
  };
}

function linked({ table, column }: (typeof LINKS)[keyof typeof LINKS], id: keyof QuestionIds) {
  return {
    select: (ids: QuestionIds) => [
      `(SELECT true FROM ${table} WHERE room_id = ${ids.roomId} AND ${column} = ${ids[id]})`,
    ],
    // SQLite returns 1; a missing row is NULL.
    read: (row: FactsRow, at: number) => Boolean(row[at]),
  };
}

/** A column of the joined row `video`. */
function ofVideo<T>({ name, fromSql }: Pick<Column, 'name'> & { fromSql: Read<T> }): Fact<T> {
  return { select: () => [`video.${name}`], read: (row, at) => fromSql(row[at]) };
}

/** A row as an array, in the order of {@link selectFacts}: row objects would cost more than the query. */
export type FactsRow = readonly unknown[];

/** The columns of a SELECT for the facts of one request; the query must join the video row as `video`. */
export function selectFacts(ids: QuestionIds): string {
  const facts = Object.values(FACTS).flatMap((part) => Object.values<Fact<unknown>>(part));
  return facts.flatMap(({ select }) => select(ids)).join(',\n  ');
}

const NO_IDS: QuestionIds = { userId: '', roomId: '', videoId: '' };

const read = createReaders();

/** Converts a row to facts. Written out, because building the objects in a loop costs a tenth of the query. */
export function toFacts(row: FactsRow): AccessFacts {
  return {
    user: read.user.exists(row) ? { status: read.user.status(row) } : undefined,
    room: read.room.exists(row)
      ? {
          status: read.room.status(row),
          hasMember: read.room.hasMember(row),
          hasVideo: read.room.hasVideo(row),
        }
      : undefined,
    video: read.video.exists(row)
      ? {
          status: read.video.status(row),
          licences: read.video.licences(row),
        }
      : undefined,
  };
}

type Readers<P extends Part> = {
  [Name in keyof FactsOf<P>]: (row: FactsRow) => FactsOf<P>[Name];
} & { exists(row: FactsRow): boolean };

/** Functions that read each fact from a row, and whether its user, room or video exists. */
function createReaders(): { [P in Part]: Readers<P> } {
  let position = 0;
  const parts = Object.entries(FACTS).map(([part, facts]) => {
    const places = Object.entries<Fact<unknown>>(facts).map(([name, { read, select }]) => {
      const at = position;
      position += select(NO_IDS).length;
      return [name, { read, at }] as const;
    });
    // The status is NULL only if the row is missing.
    const status = new Map(places).get('status')?.at as number;
    const readers = places.map(([name, { read, at }]) => [name, (row: FactsRow) => read(row, at)]);
    const exists = (row: FactsRow) => row[status] !== null;
    return [part, { ...Object.fromEntries(readers), exists }];
  });
  return Object.fromEntries(parts);
}

/** Reads the facts about a user and a room in one query. */
export async function readEntryFacts(
  { query, parameter: p }: Session,
  { userId, roomId }: Pick<RoomRequest, 'userId' | 'roomId'>,
): Promise<EntryFacts> {
  const linked = (table: string) =>
    `(SELECT 1 FROM ${table} WHERE room_id = ${p(2)} AND user_id = ${p(1)})`;
  const [row = {}] = await query(
    `SELECT (SELECT status FROM users WHERE id = ${p(1)}) AS user_status,
      (SELECT status FROM rooms WHERE id = ${p(2)}) AS room_status,
      (SELECT publish FROM rooms WHERE id = ${p(2)}) AS publish,
      ${linked('room_members')} AS is_member, ${linked('room_hosts')} AS is_host`,
    [userId, roomId],
  );
  const { user, room } = TABLES;
  const isThere = row.room_status != null;
  return {
    user:
      row.user_status == null
        ? undefined
        : { status: user.columns.status.fromSql(row.user_status) },
    room: isThere
      ? {
          status: room.columns.status.fromSql(row.room_status),
          publish: room.columns.publish.fromSql(row.publish),
          hasMember: row.is_member !== null,
          isHost: row.is_host !== null,
        }
      : undefined,
  };
}
