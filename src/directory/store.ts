import { setImmediate } from 'node:timers/promises';
import type { Query, Row } from './database.ts';
import { formatRegions, parseRegions, toTime } from './facts.ts';
import type { Room, User, Video } from './entries.ts';

/** A room names a video or a user that is not there. */
export class UnknownReferenceError extends Error {
  override readonly name = 'UnknownReferenceError';
}

export async function putUser(query: Query, id: string, { status }: User): Promise<void> {
  await query(
    'INSERT INTO users (id, status) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET status = excluded.status',
    [id, status],
  );
}

export async function putVideo(query: Query, id: string, video: Video): Promise<void> {
  const { title, status, availableFrom, availableUntil, regions } = video;
  await query(
    `INSERT INTO videos (id, title, status, available_from, available_until, regions)
     VALUES ($1, $2, $3, $4, $5, $6)
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
export async function putRoom(query: Query, id: string, room: Room): Promise<void> {
  const { status, videoIds, memberIds } = room;
  await all([
    query(
      'INSERT INTO rooms (id, status) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET status = excluded.status',
      [id, status],
    ),
    videoIds && replaceLinks(query, VIDEO_LINKS, id, videoIds),
    memberIds && replaceLinks(query, MEMBER_LINKS, id, memberIds),
  ]);
}

/** Makes a user a member; the user and nothing else is created where unknown. False: no such room. */
export async function putMember(query: Query, roomId: string, userId: string): Promise<boolean> {
  const rooms = await query('SELECT 1 FROM rooms WHERE id = $1', [roomId]);
  if (rooms.length === 0) return false;
  await query('INSERT INTO users (id) VALUES ($1) ON CONFLICT DO NOTHING', [userId]);
  await query(MEMBER_LINKS.add, [roomId, JSON.stringify([userId])]);
  return true;
}

export async function deleteMember(query: Query, roomId: string, userId: string): Promise<boolean> {
  return changed(
    query('DELETE FROM room_members WHERE room_id = $1 AND user_id = $2 RETURNING 1', [
      roomId,
      userId,
    ]),
  );
}

/** The tables whose rows have an id. */
export type Kind = 'users' | 'videos' | 'rooms';

/** Deletes a user, video or room and its memberships. */
export async function deleteEntry(query: Query, kind: Kind, id: string): Promise<boolean> {
  return changed(query(`DELETE FROM ${kind} WHERE id = $1 RETURNING 1`, [id]));
}

export async function getUser(query: Query, id: string): Promise<User | undefined> {
  const [row] = await query('SELECT status FROM users WHERE id = $1', [id]);
  return row && { status: row.status as User['status'] };
}

export async function getVideo(query: Query, id: string): Promise<Video | undefined> {
  const [row] = await query('SELECT * FROM videos WHERE id = $1', [id]);
  return row && toVideo(row);
}

export async function getRoom(query: Query, id: string): Promise<Required<Room> | undefined> {
  const [row] = await query('SELECT status FROM rooms WHERE id = $1', [id]);
  if (!row) return undefined;
  const videos = await query(VIDEO_LINKS.list, [id]);
  const members = await query(MEMBER_LINKS.list, [id]);
  return {
    status: row.status as Room['status'],
    videoIds: videos.map(({ id }) => id as string),
    memberIds: members.map(({ id }) => id as string),
  };
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

type Links = { noun: string; clear: string; missing: string; add: string; list: string };

const VIDEO_LINKS = links('room_videos', 'video_id', 'videos', 'video');
const MEMBER_LINKS = links('room_members', 'user_id', 'users', 'user');

function links(table: string, column: string, target: string, noun: string): Links {
  // A join would be planned for a hundred ids, and read the whole table for each room.
  const found = `(SELECT ${target}.id FROM ${target} WHERE ${target}.id = value)`;
  return {
    noun,
    clear: `DELETE FROM ${table} WHERE room_id = $1`,
    missing: `SELECT value FROM list($1) WHERE ${found} IS NULL LIMIT 1`,
    add: `INSERT INTO ${table} (room_id, ${column})
          SELECT $1, ${found} FROM list($2) WHERE ${found} IS NOT NULL ON CONFLICT DO NOTHING`,
    list: `SELECT ${column} AS id FROM ${table} WHERE room_id = $1 ORDER BY ${column}`,
  };
}

async function replaceLinks(query: Query, links: Links, roomId: string, ids: string[]) {
  const work = [query(links.clear, [roomId])];
  for (let start = 0; start < ids.length; start += LIST_ROWS) {
    const list = JSON.stringify(ids.slice(start, start + LIST_ROWS));
    const missing = query(links.missing, [list]);
    work.push(missing, query(links.add, [roomId, list]));
    await Promise.all(work.splice(0));
    const [absent] = await missing;
    if (absent) throw new UnknownReferenceError(`there is no ${links.noun} ${absent.value}`);
    await setImmediate();
  }
  await Promise.all(work);
}

async function changed(rows: Promise<Row[]>): Promise<boolean> {
  return (await rows).length > 0;
}
