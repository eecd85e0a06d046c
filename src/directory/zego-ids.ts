import { ZEGO_RULES, zegoRefusal } from '../identifiers.ts';
import type { Entry } from './entries.ts';

/** Collects ids that ZEGO refuses. The directory stores them, but the service issues no tokens for them. */
export type RefusedIds = {
  check(entry: Entry): void;
  /** One sentence; undefined when ZEGO accepts all ids. */
  summary(): string | undefined;
};

const SHOWN = 5;

export function createRefusedIds(): RefusedIds {
  const users = new Set<string>();
  const rooms = new Set<string>();
  return {
    check(entry) {
      if (entry.type === 'video') return;
      const [ids, rule] =
        entry.type === 'user' ? [users, ZEGO_RULES.user] : [rooms, ZEGO_RULES.room];
      if (zegoRefusal(entry.id, rule)) ids.add(entry.id);
    },
    summary() {
      const count = users.size + rooms.size;
      if (count === 0) return undefined;
      const first = [...users, ...rooms].slice(0, SHOWN).map((id) => JSON.stringify(id));
      const more = count > SHOWN ? ' …' : '';
      return `ZEGO refuses ${users.size} user ids and ${rooms.size} room ids: ${first.join(', ')}${more}`;
    },
  };
}
