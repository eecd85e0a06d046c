import { setImmediate } from 'node:timers/promises';
import type { AccessFacts, UnixSeconds } from '../access/access.ts';
import { decideEvening, type EveningDecisions } from '../access/rules.ts';
import type { Session } from './database.ts';
import type { Values } from './entries.ts';
import { licencesOf } from './licences.ts';
import { readEntry } from './read.ts';
import { entriesOf, listEntries } from './search.ts';

const PAGE_ROWS = 1_000;
const MAX_ALTERNATIVES = 100;

/** A film in a room at a time to come. */
export type Evening = {
  roomId: string;
  videoId: string;
  startsAt: UnixSeconds;
  runtimeSeconds: number;
  /** Where a member is; undefined when it is not known. */
  countryOf(userId: string): string | undefined;
};

export type MemberEvening = { userId: string; countryKnown: boolean } & EveningDecisions;

export type Preflight = {
  members: MemberEvening[];
  /** Other films of the room that every active member could watch at that time. */
  alternatives: string[];
};

/**
 * Decides for every member of a room, by the rules of a request for a token.
 *
 * @returns what does not exist, where something does not
 */
export async function checkEvening(
  session: Session,
  evening: Evening,
): Promise<Preflight | 'room' | 'video'> {
  const { roomId, videoId, startsAt, runtimeSeconds, countryOf } = evening;
  const room = await readRoom(session, roomId);
  if (!room) return 'room';
  const video = await readEntry(session, 'video', videoId);
  if (!video) return 'video';
  const endsAt = startsAt + runtimeSeconds;
  const hasVideo = await isInRoom(session, roomId, videoId);
  const factsFor = (user: AccessFacts['user'], film: Values['video'], isThere: boolean) => ({
    user,
    room: { ...room, hasMember: true, hasVideo: isThere },
    video: { status: film.status, licences: licencesOf(film) },
  });
  const members: MemberEvening[] = [];
  const countries = new Set<string | undefined>();
  for await (const { userId, status } of membersOf(session, roomId)) {
    const country = countryOf(userId);
    if (status === 'active') countries.add(country);
    const decisions = decideEvening(
      factsFor({ status }, video, hasVideo),
      country,
      startsAt,
      endsAt,
    );
    members.push({ userId, ...decisions, countryKnown: country !== undefined });
  }
  const suits = (film: Values['video']) =>
    [...countries].every((country) => {
      const facts = factsFor({ status: 'active' }, film, true);
      const { atStart, atEnd } = decideEvening(facts, country, startsAt, endsAt);
      return atStart.allow && atEnd.allow;
    });
  // Without anybody who could watch there is nothing to choose.
  const alternatives = countries.size === 0 ? [] : await filmsThat(session, roomId, videoId, suits);
  return { members, alternatives };
}

async function readRoom({ query, parameter: p }: Session, roomId: string) {
  const [row] = await query(`SELECT status FROM rooms WHERE id = ${p(1)}`, [roomId]);
  return row && { status: row.status as Values['room']['status'] };
}

async function isInRoom({ query, parameter: p }: Session, roomId: string, videoId: string) {
  const statement = `SELECT 1 FROM room_videos WHERE room_id = ${p(1)} AND video_id = ${p(2)}`;
  return (await query(statement, [roomId, videoId])).length > 0;
}

async function* membersOf({ query, parameter: p }: Session, roomId: string) {
  const statement = `SELECT user_id, status FROM room_members JOIN users ON users.id = user_id
    WHERE room_id = ${p(1)} AND user_id > ${p(2)} ORDER BY user_id LIMIT ${PAGE_ROWS}`;
  let last = '';
  for (;;) {
    const rows = await query(statement, [roomId, last]);
    for (const { user_id, status } of rows) {
      yield { userId: user_id as string, status: status as Values['user']['status'] };
    }
    if (rows.length < PAGE_ROWS) return;
    last = rows.at(-1)?.user_id as string;
    await setImmediate();
  }
}

async function filmsThat(
  session: Session,
  roomId: string,
  except: string,
  suits: (film: Values['video']) => boolean,
): Promise<string[]> {
  const found: string[] = [];
  let after: string | undefined;
  do {
    const links = [entriesOf('videoIds', roomId)];
    const page = await listEntries(session, 'video', { limit: PAGE_ROWS, after }, links);
    const films = page.entries.filter((film) => film.id !== except && suits(film));
    found.push(...films.map(({ id }) => id));
    after = page.next ?? undefined;
  } while (after !== undefined && found.length < MAX_ALTERNATIVES);
  return found.slice(0, MAX_ALTERNATIVES);
}
