import type {
  AccessDecision,
  AccessDenial,
  AccessFacts,
  AccessRequest,
  Explanation,
  UnixSeconds,
} from './access.ts';

/** The ids and the country of a request. */
type RuleContext = Pick<AccessRequest, 'userId' | 'roomId' | 'videoId' | 'country'>;

/** One condition for access. */
type Rule = {
  name: string;
  /** The deny code when the rule fails. */
  code: AccessDenial;
  holds(facts: AccessFacts, question: Pick<RuleContext, 'country'>, now: UnixSeconds): boolean;
  /** A sentence for operators; never sent to clients. */
  fact(facts: AccessFacts, question: RuleContext): string;
};

/**
 * The rules, in order of evaluation. A missing room, a closed room and a missing membership have the same
 * code, so that clients cannot probe which rooms exist; rooms are checked before videos for the same reason.
 */
export const RULES: readonly Rule[] = [
  {
    name: 'user exists',
    code: 'user_not_allowed',
    holds: ({ user }) => user !== undefined,
    fact: ({ user }, { userId }) => existence(user, `user ${userId}`),
  },
  {
    name: 'user is active',
    code: 'user_not_allowed',
    holds: ({ user }) => user?.status === 'active',
    fact: ({ user }, { userId }) => `${userId} is ${user?.status ?? 'unknown'}`,
  },
  {
    name: 'room exists',
    code: 'room_not_allowed',
    holds: ({ room }) => room !== undefined,
    fact: ({ room }, { roomId }) => existence(room, `room ${roomId}`),
  },
  {
    name: 'room is open',
    code: 'room_not_allowed',
    holds: ({ room }) => room?.status === 'open',
    fact: ({ room }, { roomId }) => `${roomId} is ${room?.status ?? 'unknown'}`,
  },
  {
    name: 'user is a member',
    code: 'room_not_allowed',
    holds: ({ room }) => room?.hasMember === true,
    fact: ({ room }, { userId, roomId }) =>
      `${userId} ${room?.hasMember ? 'is' : 'is not'} a member of ${roomId}`,
  },
  {
    name: 'video exists',
    code: 'video_not_allowed',
    holds: ({ video }) => video !== undefined,
    fact: ({ video }, { videoId }) => existence(video, `video ${videoId}`),
  },
  {
    name: 'video is available',
    code: 'video_not_allowed',
    holds: ({ video }) => video?.status === 'available',
    fact: ({ video }, { videoId }) => `${videoId} is ${video?.status ?? 'unknown'}`,
  },
  {
    name: 'video is in the room',
    code: 'video_not_allowed',
    holds: ({ room }) => room?.hasVideo === true,
    fact: ({ room }, { roomId, videoId }) =>
      `${videoId} ${room?.hasVideo ? 'is' : 'is not'} in ${roomId}`,
  },
  {
    name: 'licence has begun',
    code: 'video_not_started',
    holds: ({ video }, _question, now) => (video?.availableFrom ?? now) <= now,
    fact: ({ video }) => time(video?.availableFrom, 'it begins at', 'it has no beginning'),
  },
  {
    name: 'licence has not ended',
    code: 'video_ended',
    holds: ({ video }, _question, now) => now < (video?.availableUntil ?? Infinity),
    fact: ({ video }) => time(video?.availableUntil, 'it ends at', 'it has no end'),
  },
  {
    name: 'licence covers the country',
    code: 'region_not_allowed',
    holds: ({ video }, { country }) => covers(video?.regions ?? null, country),
    fact: ({ video }, { country }) =>
      `it covers ${listOf(video?.regions ?? null)}; the client is in ${country ?? 'an unknown one'}`,
  },
];

/** Applies the rules; the first rule that fails denies access. */
export function decide(
  facts: AccessFacts,
  question: Pick<RuleContext, 'country'>,
  now: UnixSeconds,
): AccessDecision {
  const broken = RULES.find(({ holds }) => !holds(facts, question, now));
  const { availableFrom = null, availableUntil = null } = facts.video ?? {};
  if (!broken) {
    return availableUntil === null ? { allow: true } : { allow: true, notAfter: availableUntil };
  }
  const { code } = broken;
  return {
    allow: false,
    code,
    ...(code === 'video_not_started' && availableFrom !== null && { availableFrom }),
    ...(facts.reason && { reason: facts.reason }),
  };
}

/** The decision, with the result and the fact of every rule. */
export function explain(facts: AccessFacts, question: RuleContext, now: UnixSeconds): Explanation {
  const rules = RULES.map(({ name, holds, fact }) => ({
    rule: name,
    holds: holds(facts, question, now),
    fact: fact(facts, question),
  }));
  const broken = rules.find(({ holds }) => !holds);
  return { decision: decide(facts, question, now), decidedBy: broken?.rule ?? null, rules, facts };
}

function covers(regions: readonly string[] | null, country: string | undefined): boolean {
  return regions === null || (country !== undefined && regions.includes(country));
}

function listOf(regions: readonly string[] | null): string {
  return regions === null ? 'every country' : regions.join(', ') || 'no country';
}

function existence(found: object | undefined, what: string): string {
  return `${found ? 'the directory has' : 'there is no'} ${what}${found ? '' : ' in the directory'}`;
}

function time(seconds: UnixSeconds | null | undefined, is: string, none: string): string {
  return seconds == null ? none : `${is} ${new Date(seconds * 1000).toISOString()}`;
}
