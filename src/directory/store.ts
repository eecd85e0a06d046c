import { setImmediate } from 'node:timers/promises';
import type { Row, Session } from './database.ts';
import type { Room, User, Video } from './entries.ts';
import { formatRegions, parseRegions, toTime } from './facts.ts';

/** A room names a video or a user that is not there. */
export class UnknownReferenceError extends Error {
  override readonly name = 'UnknownReferenceError';
}

export async function putUser(
  { query, parameter: p }: Session,
  id: string,
  { status }: User,
): Promise<void> {
  await query(
    `INSERT INTO users (id, status) VALUES (${p(1)}, ${p(2)})
     ON CONFLICT (id) DO UPDATE SET status = excluded.status`,
    [id, status],
  );
}

export async function putVideo(
  { query, parameter: p }: Session,
  id: string,
  video: Video,
): Promise<void> {
  const { title, status, availableFrom, availableUntil, regions } = video;
  await query(
    `INSERT INTO videos (id, title, status, available_from, available_until, regions)
     VALUES (${[1, 2, 3, 4, 5, 6].map(p)})
     ON CONFLICT (id) DO UPDATE SET title = excluded.title, status = excluded.status,
       available_from = excluded.available_from, available_until = excluded.available_until,
       regions = excluded.regions`,
    [id, title, status, availableFrom, availableUntil, formatRegions(regions)],
  );
}

/**
 * Sends the first {@link LIST_ROWS} of each list before it waits for anything.
 *
 * @throws {UnknownReferenceError} when the room names what is not there; the transaction must end
 */
export async function putRoom(session: Session, id: string, room: Room): Promise<void> {
  const { query, parameter: p } = session;
  const { status, videoIds, memberIds } = room;
  await all([
    query(
      `INSERT INTO rooms (id, status) VALUES (${p(1)}, ${p(2)})
       ON CONFLICT (id) DO UPDATE SET status = excluded.status`,
      [id, status],
    ),
    videoIds && replaceLinks(session, VIDEO_LINKS, id, videoIds),
    memberIds && replaceLinks(session, MEMBER_LINKS, id, memberIds),
  ]);
}

/** Makes a user a member; the user and nothing else is created where unknown. False: no such room. */
export async function putMember(
  session: Session,
  roomId: string,
  userId: string,
): Promise<boolean> {
  const { query, parameter: p } = session;
  const rooms = await query(`SELECT 1 FROM rooms WHERE id = ${p(1)}`, [roomId]);
  if (rooms.length === 0) return false;
  await query(`INSERT INTO users (id) VALUES (${p(1)}) ON CONFLICT DO NOTHING`, [userId]);
  await query(MEMBER_LINKS.add(session), [roomId, JSON.stringify([userId])]);
  return true;
}

export async function deleteMember(
  { query, parameter: p }: Session,
  roomId: string,
  userId: string,
): Promise<boolean> {
  const rows = await query(
    `DELETE FROM room_members WHERE room_id = ${p(1)} AND user_id = ${p(2)} RETURNING 1`,
    [roomId, userId],
  );
  return rows.length > 0;
}

/** The tables whose rows have an id. */
export type Kind = 'users' | 'videos' | 'rooms';

/** Deletes a user, video or room and its memberships. */
export async function deleteEntry(
  { query, parameter: p }: Session,
  kind: Kind,
  id: string,
): Promise<boolean> {
  return (await query(`DELETE FROM ${kind} WHERE id = ${p(1)} RETURNING 1`, [id])).length > 0;
}

/** Deletes the entries of these ids, with their memberships. */
export async function deleteEntries(
  { query, parameter: p, list }: Session,
  kind: Kind,
  ids: readonly string[],
): Promise<void> {
  await query(`DELETE FROM ${kind} WHERE id IN (SELECT value FROM ${list(p(1))})`, [
    JSON.stringify(ids),
  ]);
}

export async function getUser(session: Session, id: string): Promise<User | undefined> {
  const row = await getRow(session, 'users', id);
  return row && { status: row.status as User['status'] };
}

export async function getVideo(session: Session, id: string): Promise<Video | undefined> {
  const row = await getRow(session, 'videos', id);
  return row && toVideo(row);
}

export async function getRoom(session: Session, id: string): Promise<Required<Room> | undefined> {
  const row = await getRow(session, 'rooms', id);
  if (!row) return undefined;
  return {
    status: row.status as Room['status'],
    videoIds: await listLinks(session, VIDEO_LINKS, id),
    memberIds: await listLinks(session, MEMBER_LINKS, id),
  };
}

async function getRow(
  { query, parameter: p }: Session,
  kind: Kind,
  id: string,
): Promise<Row | undefined> {
  return (await query(`SELECT * FROM ${kind} WHERE id = ${p(1)}`, [id]))[0];
}

/** A row of `videos`. */
export function toVideo(row: Row): Video {
  return {
    title: row.title as string | null,
    status: row.status as Video['status'],
    availableFrom: toTime(row.available_from as string | null),
    availableUntil: toTime(row.available_until as string | null),
    regions: parseRegions(row.regions as string | null),
  };
}

/** Waits until nothing of it goes on, and throws what the first of it throws that fails. */
export async function all(work: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  const results = await Promise.allSettled(work);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
}

/** How many links one statement makes. Those of SQLite run at once: the requests of others get their turn between. */
export const LIST_ROWS = 200;

/** The statements about one kind of thing that rooms have. */
type Links = Record<'clear' | 'missing' | 'add' | 'list', (session: Session) => string> & {
  noun: string;
};

const VIDEO_LINKS = links('room_videos', 'video_id', 'videos', 'video');
const MEMBER_LINKS = links('room_members', 'user_id', 'users', 'user');

function links(table: string, column: string, target: string, noun: string): Links {
  // A join would be planned for a hundred ids, and read the whole table for each room.
  const found = `(SELECT ${target}.id FROM ${target} WHERE ${target}.id = value)`;
  return {
    noun,
    clear: ({ parameter: p }) => `DELETE FROM ${table} WHERE room_id = ${p(1)}`,
    missing: ({ parameter: p, list }) =>
      `SELECT value FROM ${list(p(1))} WHERE ${found} IS NULL LIMIT 1`,
    add: ({ parameter: p, list }) =>
      `INSERT INTO ${table} (room_id, ${column})
       SELECT ${p(1)}, ${found} FROM ${list(p(2))} WHERE ${found} IS NOT NULL ON CONFLICT DO NOTHING`,
    list: ({ parameter: p }) =>
      `SELECT ${column} AS id FROM ${table} WHERE room_id = ${p(1)} ORDER BY ${column}`,
  };
}

async function listLinks(session: Session, { list }: Links, roomId: string): Promise<string[]> {
  return (await session.query(list(session), [roomId])).map(({ id }) => id as string);
}

async function replaceLinks(session: Session, links: Links, roomId: string, ids: string[]) {
  const { query } = session;
  const work = [query(links.clear(session), [roomId])];
  for (let start = 0; start < ids.length; start += LIST_ROWS) {
    const list = JSON.stringify(ids.slice(start, start + LIST_ROWS));
    const missing = query(links.missing(session), [list]);
    work.push(missing, query(links.add(session), [roomId, list]));
    await Promise.all(work.splice(0));
    const [absent] = await missing;
    if (absent) throw new UnknownReferenceError(`there is no ${links.noun} ${absent.value}`);
    await setImmediate();
  }
  await Promise.all(work);
}
