const MAX_DISTANCE = 2;
const MAX_LENGTH = 40;
/** Shorter names allow a distance of one only, because similar names are often distinct words. */
const SHORT = 6;

/** The known name closest to `name`, ignoring case, within two edits. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const allowed = name.length < SHORT ? 1 : MAX_DISTANCE;
  const close = names
    .map((known) => ({ known, distance: distanceOf(name.toLowerCase(), known.toLowerCase()) }))
    .filter(({ distance }) => distance <= allowed)
    .sort((a, b) => a.distance - b.distance);
  return close[0]?.known;
}

/**
 * The name that `name` is, but for its case, for `_` and `-`, and for one letter, such as roomId for `room_ID` and
 * `roomIds`. Other names are other words.
 */
export function nearMiss(name: string, names: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[_\- ]/g, '');
  // No name is so much longer; the distance of a long one would take long.
  if (name.length > MAX_LENGTH) return undefined;
  return names.find((known) => distanceOf(plain(name), plain(known)) <= 1);
}

/** Insertions, deletions, substitutions and swaps of neighbours (Damerau-Levenshtein, restricted). */
function distanceOf(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > MAX_DISTANCE) return MAX_DISTANCE + 1;
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped =
        a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Infinity;
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + same, swapped));
    }
  }
  return at(a.length, b.length);
}
