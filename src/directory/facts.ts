import type { AccessFacts } from '../access/access.ts';

type Room = NonNullable<AccessFacts['room']>;
type Video = NonNullable<AccessFacts['video']>;
type User = NonNullable<AccessFacts['user']>;

/** What both databases answer about one user, room and video. Booleans are 0 and 1 in SQLite, and null is false. */
export type FactsRow = {
  user_status: User['status'] | null;
  room_status: Room['status'] | null;
  has_member: boolean | number | null;
  has_video: boolean | number | null;
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
