import type {
  AccessFacts,
  EntryDecision,
  EntryDenial,
  EntryExplanation,
  EntryFacts,
} from './access.ts';
import { explainRule, RULES, type Rule } from './rules.ts';

type Question = { userId: string; roomId: string; publish: boolean };

/** The rules of a video that are about the user and the room alone. */
const ENTER: readonly Rule[] = RULES.filter(
  ({ code }) => code === 'user_not_allowed' || code === 'room_not_allowed',
);

const MAY_PUBLISH = 'user may publish';

/** Who may enter, and who of these may publish. */
export function decideRoom(facts: EntryFacts, question: Question): EntryDecision {
  const { code } = explainRoom(facts, question);
  return code === undefined ? { allow: true } : { allow: false, code };
}

/** The result of each rule; `code` is that of the first one that does not hold. */
export function explainRoom(facts: EntryFacts, question: Question): EntryExplanation {
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

function publishRule({ room }: EntryFacts, { userId, roomId }: Question) {
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
