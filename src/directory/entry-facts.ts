import type { EntryFacts, RoomRequest } from '../access/access.ts';
import type { Session } from './database.ts';
import { TABLES } from './entries.ts';

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
