import type {
  AccessDecision,
  AccessDenial,
  AccessFacts,
  AccessRequest,
  EntryDecision,
  EntryDenial,
  EntryExplanation,
  EntryFacts,
  Explanation,
  Licence,
  RoomRequest,
  UnixSeconds,
} from './access.ts';

/** The ids and the country of a request. */
type RuleContext = Pick<AccessRequest, 'userId' | 'roomId' | 'videoId' | 'country'>;

/** One condition for access. */
export type Rule = {
  name: string;
  /** The deny code when the rule fails. */
  code: AccessDenial;
  /** What the directory must have; without it the rule cannot be checked, and an earlier one denies. */
  about?: 'user' | 'room' | 'video';
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
    about: 'user',
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
    about: 'room',
    holds: ({ room }) => room?.status === 'open',
    fact: ({ room }, { roomId }) => `${roomId} is ${room?.status ?? 'unknown'}`,
  },
  {
    name: 'user is a member',
    code: 'room_not_allowed',
    about: 'room',
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
    about: 'video',
    holds: ({ video }) => video?.status === 'available',
    fact: ({ video }, { videoId }) => `${videoId} is ${video?.status ?? 'unknown'}`,
  },
  {
    name: 'video is in the room',
    code: 'video_not_allowed',
    about: 'room',
    holds: ({ room }) => room?.hasVideo === true,
    fact: ({ room }, { roomId, videoId }) =>
      `${videoId} ${room?.hasVideo ? 'is' : 'is not'} in ${roomId}`,
  },
  {
    name: 'licence covers the country',
    code: 'region_not_allowed',
    about: 'video',
    holds: ({ video }, { country }) => licencesOf(video).some((one) => covers(one, country)),
    fact: ({ video }, { country }) =>
      `${eachLicence(video, ({ regions }) => `covers ${listOf(regions)}`)}; the client is in ${country ?? 'an unknown one'}`,
  },
  {
    name: 'licence has begun',
    code: 'video_not_started',
    about: 'video',
    holds: ({ video }, { country }, now) => {
      const licences = licencesIn(video, country);
      return isOpen(licences, now) || nextStart(licences, now) === undefined;
    },
    fact: ({ video }) =>
      eachLicence(video, ({ from }) => time(from, 'begins at', 'has no beginning')),
  },
  {
    name: 'licence has not ended',
    code: 'video_ended',
    about: 'video',
    holds: ({ video }, { country }, now) => {
      const licences = licencesIn(video, country);
      return isOpen(licences, now) || nextStart(licences, now) !== undefined;
    },
    fact: ({ video }) => eachLicence(video, ({ until }) => time(until, 'ends at', 'has no end')),
  },
];

/** Applies the rules; the first rule that fails denies access. */
export function decide(
  facts: AccessFacts,
  question: Pick<RuleContext, 'country'>,
  now: UnixSeconds,
): AccessDecision {
  const broken = RULES.find(({ holds }) => !holds(facts, question, now));
  const licences = licencesIn(facts.video, question.country);
  const reason = facts.reason && { reason: facts.reason };
  if (!broken) {
    const notAfter = joinedEnd(licences, now);
    return { allow: true, ...(notAfter !== null && { notAfter }), ...reason };
  }
  const { code } = broken;
  const availableFrom = code === 'video_not_started' ? nextStart(licences, now) : undefined;
  return { allow: false, code, ...(availableFrom !== undefined && { availableFrom }), ...reason };
}

/** The result and the fact of a rule; null when what it is about does not exist. */
function explainRule(
  { name, about, holds, fact }: Rule,
  facts: AccessFacts,
  question: RuleContext,
  now: UnixSeconds,
): Explanation['rules'][number] {
  const isKnown = about === undefined || facts[about] !== undefined;
  return isKnown
    ? { rule: name, holds: holds(facts, question, now), fact: fact(facts, question) }
    : { rule: name, holds: null, fact: `could not be checked: there is no such ${about}` };
}

/** The decision, with the result and the fact of every rule. */
export function explain(facts: AccessFacts, question: RuleContext, now: UnixSeconds): Explanation {
  const rules = RULES.map((rule) => explainRule(rule, facts, question, now));
  const broken = rules.find(({ holds }) => holds === false);
  return { decision: decide(facts, question, now), decidedBy: broken?.rule ?? null, rules, facts };
}

const UNLIMITED: readonly Licence[] = [{ from: null, until: null, regions: null }];

/** A video that does not exist breaks a rule of its own. */
function licencesOf(video: AccessFacts['video']): readonly Licence[] {
  return video?.licences ?? UNLIMITED;
}

function covers({ regions }: Licence, country: string | undefined): boolean {
  return regions === null || (country !== undefined && regions.includes(country));
}

/** The licences that cover the country; all of them where none does. */
function licencesIn(video: AccessFacts['video'], country: string | undefined): readonly Licence[] {
  const licences = licencesOf(video);
  if (licences.length === 1) return licences;
  const covering = licences.filter((licence) => covers(licence, country));
  return covering.length > 0 ? covering : licences;
}

/** One of the licences holds now. */
function isOpen(licences: readonly Licence[], now: UnixSeconds): boolean {
  return licences.some(({ from, until }) => (from ?? now) <= now && now < (until ?? Infinity));
}

/** When the next licence begins; one with an empty window never does. */
function nextStart(licences: readonly Licence[], now: UnixSeconds): UnixSeconds | undefined {
  let next = Infinity;
  for (const { from, until } of licences) {
    if (from !== null && from > now && from < (until ?? Infinity) && from < next) next = from;
  }
  return next === Infinity ? undefined : next;
}

/** When the licences that hold now end, with those that touch or overlap them; null for never. */
function joinedEnd(licences: readonly Licence[], now: UnixSeconds): UnixSeconds | null {
  const inOrder = licences.length === 1 ? licences : licences.toSorted(byStart);
  let end = now;
  for (const { from, until } of inOrder)
    if ((from ?? now) <= end) end = Math.max(end, until ?? Infinity);
  return end === Infinity ? null : end;
}

function byStart(a: Licence, b: Licence): number {
  return (a.from ?? 0) - (b.from ?? 0);
}

/** A statement about the licence, or about each by its number. */
function eachLicence(video: AccessFacts['video'], describe: (licence: Licence) => string): string {
  const licences = licencesOf(video);
  const [only] = licences;
  if (licences.length === 1 && only) return `it ${describe(only)}`;
  return licences.map((licence, index) => `licence ${index + 1} ${describe(licence)}`).join('; ');
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

/** The decisions at the beginning of a film and for its last second. */
export type EveningDecisions = { atStart: AccessDecision; atEnd: AccessDecision };

/**
 * Decides for a film that runs from `startsAt` until `endsAt`. A licence that ends between the two, with none that
 * goes on, denies the end.
 */
export function decideEvening(
  facts: AccessFacts,
  country: string | undefined,
  startsAt: UnixSeconds,
  endsAt: UnixSeconds,
): EveningDecisions {
  const atStart = decide(facts, { country }, startsAt);
  const gap = atStart.allow && atStart.notAfter !== undefined && atStart.notAfter < endsAt;
  const end = gap ? (atStart.notAfter as UnixSeconds) : endsAt - 1;
  return { atStart, atEnd: decide(facts, { country }, end) };
}

type RoomContext = Pick<RoomRequest, 'userId' | 'roomId' | 'publish'>;

/** The rules of a video that are about the user and the room alone. */
const ENTER: readonly Rule[] = RULES.filter(
  ({ code }) => code === 'user_not_allowed' || code === 'room_not_allowed',
);

const MAY_PUBLISH = 'user may publish';

/** Who may enter, and who of these may publish. */
export function decideRoom(facts: EntryFacts, question: RoomContext): EntryDecision {
  const { code } = explainRoom(facts, question);
  return code === undefined ? { allow: true } : { allow: false, code };
}

/** The result of each rule; `code` is that of the first one that does not hold. */
export function explainRoom(facts: EntryFacts, question: RoomContext): EntryExplanation {
  const known: AccessFacts = {
    user: facts.user,
    room: facts.room && { ...facts.room, hasVideo: false },
    video: undefined,
  };
  const ids = { ...question, videoId: '', country: undefined };
  const rules = ENTER.map((rule) => ({
    code: rule.code as EntryDenial,
    ...explainRule(rule, known, ids, 0),
  }));
  if (question.publish) rules.push(publishRule(facts, question));
  const broken = rules.find(({ holds }) => holds === false);
  return {
    code: broken?.code,
    decidedBy: broken?.rule ?? null,
    rules: rules.map(({ code: _code, ...rule }) => rule),
  };
}

function publishRule({ room }: EntryFacts, { userId, roomId }: RoomContext) {
  const code: EntryDenial = 'publish_not_allowed';
  const about = { rule: MAY_PUBLISH, code };
  if (!room) return { ...about, holds: null, fact: 'could not be checked: there is no such room' };
  const holds = room.publish === 'members' || (room.publish === 'hosts' && room.isHost);
  const host = room.isHost ? 'is' : 'is not';
  const fact = `in ${roomId} may publish: ${room.publish}; ${userId} ${host} a host`;
  return { ...about, holds, fact };
}

/** Who may have a token that opens any room: an active user. */
export function decideBasic({ user }: Pick<AccessFacts, 'user'>): EntryDecision {
  return user?.status === 'active' ? { allow: true } : { allow: false, code: 'user_not_allowed' };
}
