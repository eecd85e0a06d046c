import { ZEGO_RULES, zegoRefusal } from '../identifiers.ts';
import type { Entry } from './entries.ts';

/** Collects ids of the directory that ZEGO refuses: they are kept, and nobody gets a token for them. */
export type RefusedIds = {
  see(entry: Entry): void;
  /** One sentence; undefined when ZEGO takes them all. */
  summary(): string | undefined;
};

const SHOWN = 5;

export function createRefusedIds(): RefusedIds {
  const users = new Set<string>();
  const rooms = new Set<string>();
  return {
    see(entry) {
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
