import type { Change } from './api.ts';
import { Id } from './parts.tsx';
import { time, words } from './state.ts';

/** Changes of the directory: who, what, before, after. */
export function ChangeList({ changes, empty }: { changes: readonly Change[]; empty: string }) {
  const text = words.value.changes;
  if (changes.length === 0) return <p>{empty}</p>;
  return (
    <ul class="entries">
      {changes.map((change) => (
        <li key={JSON.stringify(change)}>
          <p>
            <strong>{text.types[change.type] ?? change.type}</strong> <Id>{change.id}</Id>
            {change.roomId !== undefined && (
              <>
                {' '}
                · {words.value.nav.room} <Id>{change.roomId}</Id>
              </>
            )}
          </p>
          <Fields {...change} />
          <p class="soft">
            {time(change.at)} · <Id>{change.actor ?? text.anyone}</Id>
            {change.requestId && (
              <>
                {' '}
                · <Id>{change.requestId}</Id>
              </>
            )}
          </p>
        </li>
      ))}
    </ul>
  );
}

/** The fields that differ. */
function Fields({ before, after }: Pick<Change, 'before' | 'after'>) {
  const text = words.value.changes;
  if (!before || !after) {
    const values = Object.entries(before ?? after ?? {});
    return (
      <p>
        {before ? text.removed : text.added}
        {values.length > 0 && ': '}
        {values.map(([name, value]) => `${name} ${show(name, value)}`).join(', ')}
      </p>
    );
  }
  const names = Object.keys({ ...before, ...after }).filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
  return (
    <ul class="fields">
      {names.map((name) => (
        <li key={name}>
          {name}: <del>{show(name, before[name])}</del> → <ins>{show(name, after[name])}</ins>
        </li>
      ))}
    </ul>
  );
}

/** The fields that are Unix seconds. */
const MOMENTS = ['availableFrom', 'availableUntil', 'from', 'until', 'expireAt'];

function show(name: string, value: unknown): string {
  if (value === null || value === undefined) return words.value.none;
  if (typeof value === 'number' && MOMENTS.includes(name)) return time(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}
