import { setImmediate } from 'node:timers/promises';
import type { AccessFacts, AccessRequest, Licence } from '../access/access.ts';
import { type Columns, fromRow } from './columns.ts';
import type { Row, Session, SqlValue } from './database.ts';
import { TABLES } from './entries.ts';
import { LICENCE_COLUMNS, LICENCE_TABLE } from './licences.ts';

/** What a change is about: a row of the directory, or a token that `mint` made. */
export const CHANGE_TYPES = [
  'user',
  'video',
  'licence',
  'room',
  'member',
  'host',
  'room_video',
  'token',
] as const;

type ChangeType = (typeof CHANGE_TYPES)[number];

/** One entry of the table `changes`, which triggers write. */
type ChangeEntry = {
  /** RFC 3339. */
  at: string;
  /** Null for what another program wrote, or what went with a deleted entry. */
  actor: string | null;
  requestId: string | null;
  type: ChangeType;
  /** Of the user for a member, of the video for its licences and for a video of a room. */
  id: string;
  roomId?: string;
  /** Null for what is new. */
  before: object | null;
  /** Null for what was deleted. */
  after: object | null;
};

export type ChangeFilter = {
  type?: ChangeType | undefined;
  /** The id of an entry, or the room of a member or of a video. */
  id?: string | undefined;
  actor?: string | undefined;
  /** The `next` of the page before. */
  after?: string | undefined;
  limit: number;
};

export type ChangePage = { changes: ChangeEntry[]; next: string | null };

/** Rows that are looked at before other requests have their turn: there is no index of actors. */
const WINDOW_ROWS = 10_000;

const NAMES = 'id, at, actor, request_id, type, entry_id, room_id, before, after';

/** Reads entries, newest first. */
export async function readChanges(session: Session, filter: ChangeFilter): Promise<ChangePage> {
  const { query, parameter: p } = session;
  const { limit } = filter;
  const [bounds] = await query('SELECT min(id) AS first, max(id) AS last FROM changes');
  const first = Number(bounds?.first ?? 1);
  let end = Math.min(Number(bounds?.last ?? 0) + 1, Number(filter.after ?? Infinity));
  const rows: Row[] = [];
  while (rows.length <= limit && end > first) {
    const from = Math.max(first, filter.id === undefined ? end - WINDOW_ROWS : first);
    const { conditions, values } = conditionsOf(filter, p);
    const statement = `SELECT ${NAMES} FROM changes WHERE id >= ${p(1)} AND id < ${p(2)}${conditions}
      ORDER BY id DESC LIMIT ${limit + 1 - rows.length}`;
    rows.push(...(await query(statement, [from, end, ...values])));
    end = from;
    await setImmediate();
  }
  const shown = rows.slice(0, limit);
  const next = rows.length > limit ? String(shown.at(-1)?.id) : null;
  return { changes: shown.map(toEntry), next };
}

function conditionsOf({ type, id, actor }: ChangeFilter, p: Session['parameter']) {
  const values: SqlValue[] = [];
  let conditions = '';
  const add = (value: string | undefined, condition: (parameter: string) => string) => {
    if (value === undefined) return;
    values.push(value);
    conditions += ` AND ${condition(p(values.length + 2))}`;
  };
  add(type, (parameter) => `type = ${parameter}`);
  add(id, (parameter) => `(entry_id = ${parameter} OR room_id = ${parameter})`);
  add(actor, (parameter) => `actor = ${parameter}`);
  return { conditions, values };
}

function toEntry(row: Row): ChangeEntry {
  const type = row.type as ChangeType;
  return {
    at: new Date(Number(row.at)).toISOString(),
    actor: row.actor as string | null,
    requestId: row.request_id as string | null,
    type,
    id: row.entry_id as string,
    ...(row.room_id !== null && { roomId: row.room_id as string }),
    before: toFields(type, row.before),
    after: toFields(type, row.after),
  };
}

const FIELDS: Partial<Record<ChangeType, Columns>> = {
  user: TABLES.user.columns,
  video: TABLES.video.columns,
  room: TABLES.room.columns,
  licence: LICENCE_COLUMNS,
};

/** A row in JSON, as the triggers write it, with the names of the directory API. */
function toFields(type: ChangeType, json: unknown): object | null {
  if (json === null) return null;
  const row: Row = JSON.parse(json as string);
  const columns = FIELDS[type];
  if (!columns) return row;
  const position = row.position === undefined ? {} : { position: row.position };
  return { ...position, ...fromRow(columns, row) };
}

/** How many rows a change makes, changes and deletes, by what they are. */
type ChangeCounts = Partial<
  Record<ChangeType, { created: number; updated: number; deleted: number }>
>;

/** What a transaction has changed so far. */
export type ChangeSummary = {
  counts: ChangeCounts;
  /** The first ones. */
  examples: ChangeEntry[];
  /** Films with a licence that begins earlier, ends later, covers more countries, or is new beside others. */
  wider: { count: number; videoIds: string[] };
};

const MAX_EXAMPLES = 20;
const MAX_WIDER = 100;

/** Summarizes the entries of a request after an id, within the transaction that wrote them. */
export async function summarizeChanges(
  { query, parameter: p }: Session,
  after: number,
  requestId: string,
): Promise<ChangeSummary> {
  const own = `FROM changes WHERE id > ${p(1)} AND request_id = ${p(2)}`;
  const values = [after, requestId];
  const groups = await query(
    `SELECT type, before IS NULL AS is_new, after IS NULL AS is_gone, count(*) AS count ${own} GROUP BY 1, 2, 3`,
    values,
  );
  const counts: ChangeCounts = {};
  for (const { type, is_new, is_gone, count } of groups) {
    counts[type as ChangeType] ??= { created: 0, updated: 0, deleted: 0 };
    const kind = is_new ? 'created' : is_gone ? 'deleted' : 'updated';
    (counts[type as ChangeType] as Record<typeof kind, number>)[kind] += Number(count);
  }
  const examples = await query(`SELECT ${NAMES} ${own} ORDER BY id LIMIT ${MAX_EXAMPLES}`, values);
  const licences = `${own} AND after IS NOT NULL AND (type = 'licence' OR (type = 'video' AND before IS NOT NULL))`;
  const videoIds = new Set<string>();
  let last = after;
  for (;;) {
    const page = `SELECT id, entry_id, before, after ${licences} ORDER BY id LIMIT ${WINDOW_ROWS}`;
    const rows = await query(page, [last, requestId]);
    for (const row of rows.filter(isWider)) videoIds.add(row.entry_id as string);
    if (rows.length < WINDOW_ROWS) break;
    last = Number(rows.at(-1)?.id);
    await setImmediate();
  }
  return {
    counts,
    examples: examples.map(toEntry),
    wider: { count: videoIds.size, videoIds: [...videoIds].slice(0, MAX_WIDER) },
  };
}

/** Whether a licence allows a moment or a country that it did not. */
function isWider(row: Row): boolean {
  if (row.before === null) return true;
  const [before, after] = [row.before, row.after].map((json) =>
    fromRow(LICENCE_COLUMNS, JSON.parse(json as string)),
  ) as [Licence, Licence];
  const { regions } = before;
  const isCovered = (country: string) => regions === null || regions.includes(country);
  return (
    (after.from ?? 0) < (before.from ?? 0) ||
    (after.until ?? Infinity) > (before.until ?? Infinity) ||
    (after.regions === null ? regions !== null : !after.regions.every(isCovered))
  );
}

/** A moment of which the directory does not know how it was. */
export class UnknownMomentError extends Error {
  override readonly name = 'UnknownMomentError';
}

type PastRequest = Pick<AccessRequest, 'userId' | 'roomId' | 'videoId'>;

/**
 * The facts about a request as they were, from the present rows and the changes since then.
 *
 * @param at Unix milliseconds
 * @throws {UnknownMomentError}
 */
export async function readPastFacts(
  session: Session,
  request: PastRequest,
  at: number,
): Promise<AccessFacts> {
  const { query, clock } = session;
  const [time] = await query(
    `SELECT ${clock} AS now, (SELECT at FROM changes ORDER BY id LIMIT 1) AS first`,
  );
  assertKnown(at, Number(time?.now), time?.first === null ? undefined : Number(time?.first));
  const rows = await readRows(session, request);
  for (const { type, before, position } of await readLaterChanges(session, request, at)) {
    const key = type === 'licence' ? `licence ${position}` : type;
    if (before === null) rows.delete(key);
    else rows.set(key, before);
  }
  return toPastFacts(rows);
}

function assertKnown(at: number, now: number, first: number | undefined): void {
  if (at > now) throw new UnknownMomentError('is in the future; give a moment that has passed');
  if (first !== undefined && at >= first) return;
  const since = first === undefined ? 'none is kept' : new Date(first).toISOString();
  const message = `is before the first change that is kept (${since}), so nobody knows how the directory was`;
  throw new UnknownMomentError(`${message}; give a later moment`);
}

type PastRows = Map<string, Row>;

/** The present rows of the user, room, video, its licences, and both memberships. */
async function readRows(session: Session, { userId, roomId, videoId }: PastRequest) {
  const { query, parameter: p } = session;
  const rows: PastRows = new Map();
  const read = async (key: string, from: string, values: SqlValue[]) => {
    for (const row of await query(`SELECT * FROM ${from}`, values)) {
      rows.set(key === 'licence' ? `licence ${row.position}` : key, row);
    }
  };
  await read('user', `${TABLES.user.name} WHERE id = ${p(1)}`, [userId]);
  await read('room', `${TABLES.room.name} WHERE id = ${p(1)}`, [roomId]);
  await read('video', `${TABLES.video.name} WHERE id = ${p(1)}`, [videoId]);
  await read('licence', `${LICENCE_TABLE} WHERE video_id = ${p(1)}`, [videoId]);
  const both = (column: string) => `WHERE room_id = ${p(1)} AND ${column} = ${p(2)}`;
  await read('member', `room_members ${both('user_id')}`, [roomId, userId]);
  await read('room_video', `room_videos ${both('video_id')}`, [roomId, videoId]);
  return rows;
}

/** Newest first, so that the oldest one is applied last. */
async function readLaterChanges(session: Session, request: PastRequest, at: number) {
  const { query, parameter: p } = session;
  const statement = `SELECT type, before, after FROM changes WHERE at > ${p(4)} AND (
      (entry_id = ${p(1)} AND (type = 'user' OR (type = 'member' AND room_id = ${p(2)})))
      OR (entry_id = ${p(2)} AND type = 'room')
      OR (entry_id = ${p(3)} AND (type IN ('video', 'licence') OR (type = 'room_video' AND room_id = ${p(2)})))
    ) ORDER BY id DESC`;
  const { userId, roomId, videoId } = request;
  return (await query(statement, [userId, roomId, videoId, at])).map(({ type, before, after }) => {
    const row: Row | null = before === null ? null : JSON.parse(before as string);
    const { position }: Row = row ?? JSON.parse(after as string);
    return { type: type as string, before: row, position: Number(position) };
  });
}

function toPastFacts(rows: PastRows): AccessFacts {
  const [user, room, video] = ['user', 'room', 'video'].map((type) => rows.get(type));
  const others = [...rows.keys()]
    .filter((key) => key.startsWith('licence '))
    .sort((a, b) => Number(a.slice(8)) - Number(b.slice(8)))
    .map((key) => rows.get(key) as Row);
  return {
    user: user && { status: fromRow(TABLES.user.columns, user).status },
    room: room && {
      status: fromRow(TABLES.room.columns, room).status,
      hasMember: rows.has('member'),
      hasVideo: rows.has('room_video'),
    },
    video: video && {
      status: fromRow(TABLES.video.columns, video).status,
      licences: [video, ...others].map((row): Licence => fromRow(LICENCE_COLUMNS, row)),
    },
  };
}
