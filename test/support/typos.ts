const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_- ';

/** Every name that one typing mistake makes of a name: a letter more, less, another or swapped, or another spelling. */
function typosOf(name: string): string[] {
  const typos = new Set<string>([
    name.toLowerCase(),
    name.toUpperCase(),
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    `${name}s`,
    `${name}\u200b`,
    `${name}\0`,
    name.normalize('NFD').replace('a', 'а'),
  ]);
  for (let at = 0; at <= name.length; at++) {
    const [before, after] = [name.slice(0, at), name.slice(at)];
    typos.add(before + after.slice(1));
    typos.add(before + (after[1] ?? '') + (after[0] ?? '') + after.slice(2));
    for (const letter of LETTERS) {
      typos.add(before + letter + after);
      typos.add(before + letter + after.slice(1));
    }
  }
  typos.delete(name);
  return [...typos];
}

/** The objects that a typing mistake in the name of one field makes of an object. */
export function withTypos(value: Record<string, unknown>): Record<string, unknown>[] {
  return Object.keys(value).flatMap((field) =>
    typosOf(field).map((typo) => {
      const entries = Object.entries(value).map(([key, item]) => [
        key === field ? typo : key,
        item,
      ]);
      return Object.fromEntries(entries) as Record<string, unknown>;
    }),
  );
}
