import { nearest } from './nearest.ts';
import { printable } from './printable.ts';

const MAX_LENGTH = 40;

/** Names the fields of a JSON object from outside that are not known; undefined if there are none. */
export function unknownFields(
  value: object | undefined,
  known: readonly string[],
  ignored: readonly string[] = [],
): string | undefined {
  const names = Object.keys(value ?? {}).filter(
    (name) => !known.includes(name) && !ignored.includes(name),
  );
  return names.length > 0 ? describeUnknown(names, known) : undefined;
}

/** Names the first of these unknown fields, and the known one that is meant. */
export function describeUnknown(names: readonly string[], known: readonly string[]): string {
  const [first = ''] = names;
  const meant = nearest(first, known);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  const more = names.length > 1 ? ` and ${names.length - 1} more` : '';
  return `unknown field ${quoted(first)}${more}${hint}`;
}

/** The name is chosen by somebody else: quoted, short, and without control characters. */
function quoted(name: string): string {
  return JSON.stringify(printable(name.slice(0, MAX_LENGTH)));
}
