import type { AccessFacts } from '../access/access.ts';

type Room = NonNullable<AccessFacts['room']>;
type Video = NonNullable<AccessFacts['video']>;
type User = NonNullable<AccessFacts['user']>;

/**
 * What both databases answer about one user, room and video, as a list: an object for each row costs more than the
 * query. Booleans are 0 and 1 in SQLite, and null is false.
 */
export type FactsRow = readonly [
  userStatus: User['status'] | null,
  roomStatus: Room['status'] | null,
  hasMember: boolean | number | null,
  hasVideo: boolean | number | null,
  videoStatus: Video['status'] | null,
  availableFrom: number | string | null,
  availableUntil: number | string | null,
  regions: string | null,
];

export function toFacts(row: FactsRow): AccessFacts {
  const [userStatus, roomStatus, hasMember, hasVideo, videoStatus, from, until, regions] = row;
  return {
    user: userStatus === null ? undefined : { status: userStatus },
    room:
      roomStatus === null
        ? undefined
        : { status: roomStatus, hasMember: !!hasMember, hasVideo: !!hasVideo },
    video:
      videoStatus === null
        ? undefined
        : {
            status: videoStatus,
            availableFrom: toTime(from),
            availableUntil: toTime(until),
            regions: parseRegions(regions),
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
