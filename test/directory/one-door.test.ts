import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LINKS, TABLES } from '../../src/directory/entries.ts';
import { LICENCE_TABLE } from '../../src/directory/licences.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const THE_DOOR = 'src/directory/store.ts';

/** A statement that writes to a table of the directory, or to one whose name is put together. */
const TABLE_NAMES = [
  ...Object.values(TABLES).map(({ name }) => name),
  ...Object.values(LINKS).map(({ table }) => table),
  LICENCE_TABLE,
  'changes',
];
const WRITES = new RegExp(
  String.raw`\b(insert\s+(or\s+\w+\s+)?into|replace\s+into|merge\s+into|update|delete\s+from|truncate(\s+table)?|copy)` +
    String.raw`\s+(only\s+)?["'\x60]?(${TABLE_NAMES.join('|')}|\$\{)`,
  'i',
);
/** Where a transaction of the directory's database may begin. */
const TRANSACTIONS = [THE_DOOR, 'src/directory/migrations.ts'];

const sources = ['src', 'tools', 'bench'].flatMap((folder) =>
  readdirSync(`${ROOT}/${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|js)$/.test(file))
    .map((file) => `${folder}/${file}`),
);
const filesWith = (pattern: RegExp) =>
  sources.filter((file) => pattern.test(readFileSync(`${ROOT}/${file}`, 'utf8')));

describe('the one door for changes of the directory', () => {
  it('has every statement that writes to its tables', () => {
    expect(filesWith(WRITES)).toEqual([THE_DOOR]);
  });

  it.each([
    ['INSERT INTO users (id) VALUES (1)', true],
    ['INSERT OR REPLACE INTO\n  videos VALUES (1)', true],
    ['replace into "rooms" values (1)', true],
    ['UPDATE room_members SET user_id = 1', true],
    [`DELETE FROM $\{table}`, true],
    ['TRUNCATE TABLE room_videos', true],
    ['SELECT 1 FROM users', false],
    ['INSERT INTO decision VALUES (1)', false],
    ['ON CONFLICT DO UPDATE SET status = excluded.status', false],
  ])('finds the statements that write: %s', (sql, writes) => {
    expect(WRITES.test(sql)).toBe(writes);
  });

  it('begins every transaction but that of the migrations', () => {
    const begins = filesWith(/\btransaction\(/).filter((file) => !/\/database\.ts$/.test(file));
    expect(begins.sort()).toEqual(TRANSACTIONS.sort());
  });
});
