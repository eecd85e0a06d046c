import type { AccessFacts } from '../access/access.ts';

/** One row, always: what is known about user `$1`, room `$2` and video `$3`. */
export const FACTS_SQL = `
SELECT
  (SELECT status FROM users WHERE id = $1) AS user_status,
  (SELECT status FROM rooms WHERE id = $2) AS room_status,
  EXISTS (SELECT 1 FROM room_members WHERE room_id = $2 AND user_id = $1) AS has_member,
  EXISTS (SELECT 1 FROM room_videos WHERE room_id = $2 AND video_id = $3) AS has_video,
  videos.status AS video_status, available_from, available_until, regions
FROM (SELECT 1) AS one LEFT JOIN videos ON videos.id = $3`;

type Room = NonNullable<AccessFacts['room']>;
type Video = NonNullable<AccessFacts['video']>;
type User = NonNullable<AccessFacts['user']>;

/** A row of {@link FACTS_SQL}. Booleans are 0 and 1 in SQLite. */
export type FactsRow = {
  user_status: User['status'] | null;
  room_status: Room['status'] | null;
  has_member: boolean | number;
  has_video: boolean | number;
  video_status: Video['status'] | null;
  available_from: number | string | null;
  available_until: number | string | null;
  regions: string | null;
};

export function toFacts(row: FactsRow): AccessFacts {
  const { user_status, room_status, video_status } = row;
  return {
    user: user_status === null ? undefined : { status: user_status },
    room:
      room_status === null
        ? undefined
        : { status: room_status, hasMember: !!row.has_member, hasVideo: !!row.has_video },
    video:
      video_status === null
        ? undefined
        : {
            status: video_status,
            availableFrom: toTime(row.available_from),
            availableUntil: toTime(row.available_until),
            regions: parseRegions(row.regions),
          },
  };
}

/** The text of the `regions` column. */
export function formatRegions(regions: readonly string[] | null): string | null {
  return regions === null ? null : regions.join(',');
}

export function parseRegions(text: string | null): string[] | null {
  if (text === null) return null;
  return text === '' ? [] : text.split(',');
}

/** Big integers are text in `pg`. */
export function toTime(value: number | string | null): number | null {
  return value === null ? null : Number(value);
}
