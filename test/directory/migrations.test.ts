import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';

const migrationsOf = (kind: string) =>
  readdirSync(new URL(`../../src/directory/${kind}/migrations`, import.meta.url)).sort();

it('both databases have the same migrations, and each after the first says what it does', () => {
  const names = migrationsOf('sqlite');
  expect(migrationsOf('postgres')).toEqual(names);
  // An older release goes on beside a schema that was only expanded.
  for (const name of names.slice(1)) expect(name).toMatch(/^\d{3}\.do\.(expand|contract)-/);
});
