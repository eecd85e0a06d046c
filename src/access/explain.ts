import type {
  AccessFacts,
  AccessRequest,
  ExplainedRule,
  Explanation,
  UnixSeconds,
} from './access.ts';
import { decide } from './decide.ts';

/** Why a request is allowed or denied. */
export function explain(facts: AccessFacts, request: Ids, now: UnixSeconds): Explanation {
  const rules = [
    ...userRules(facts, request.userId),
    ...roomRules(facts, request),
    ...videoRules(facts, request, now),
  ];
  const failed = rules.find(({ holds }) => !holds);
  return { decision: decide(facts, request, now), decidedBy: failed?.rule ?? null, rules, facts };
}

type Ids = Pick<AccessRequest, 'userId' | 'roomId' | 'videoId' | 'country'>;

function userRules({ user }: AccessFacts, userId: string): ExplainedRule[] {
  if (!user) return [no('user exists', `there is no user ${userId} in the directory`)];
  return [check('user is active', user.status === 'active', `${userId} is ${user.status}`)];
}

function roomRules({ room }: AccessFacts, { userId, roomId }: Ids): ExplainedRule[] {
  if (!room) return [no('room exists', `there is no room ${roomId} in the directory`)];
  const is = room.hasMember ? 'is' : 'is not';
  return [
    check('room is open', room.status === 'open', `${roomId} is ${room.status}`),
    check('user is a member', room.hasMember, `${userId} ${is} a member of ${roomId}`),
  ];
}

function videoRules(
  { room, video }: AccessFacts,
  { roomId, videoId, country }: Ids,
  now: UnixSeconds,
): ExplainedRule[] {
  if (!video) return [no('video exists', `there is no video ${videoId} in the directory`)];
  const { status, availableFrom, availableUntil, regions } = video;
  const is = room?.hasVideo ? 'is' : 'is not';
  const covered = regions === null || (country !== undefined && regions.includes(country));
  return [
    check('video is available', status === 'available', `${videoId} is ${status}`),
    check('video is one of the room', room?.hasVideo === true, `${videoId} ${is} in ${roomId}`),
    check(
      'licence has begun',
      availableFrom === null || availableFrom <= now,
      availableFrom === null ? 'it has no beginning' : `it begins at ${toDate(availableFrom)}`,
    ),
    check(
      'licence has not ended',
      availableUntil === null || now < availableUntil,
      availableUntil === null ? 'it has no end' : `it ends at ${toDate(availableUntil)}`,
    ),
    check(
      'licence covers the country',
      covered,
      `it covers ${regions?.join(', ') ?? 'every country'}; the client is in ${country ?? 'an unknown one'}`,
    ),
  ];
}

function check(rule: string, holds: boolean, fact: string): ExplainedRule {
  return { rule, holds, fact };
}

function no(rule: string, fact: string): ExplainedRule {
  return { rule, holds: false, fact };
}

function toDate(seconds: UnixSeconds): string {
  return new Date(seconds * 1000).toISOString();
}
