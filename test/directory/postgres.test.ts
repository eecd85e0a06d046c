import pg from 'pg';
import { afterAll, expect, it } from 'vitest';
import { openPostgres } from '../../src/directory/postgres/open.ts';
import { cliAuthor, createStore } from '../../src/directory/store.ts';
import { importDirectory } from '../../src/directory/transfer.ts';
import { rejectionOf } from '../support/errors.ts';
import { startPostgres } from '../support/postgres.ts';
import { describeDirectory } from './contract.ts';
import { describeHistory } from './history.ts';
import { describeSearch } from './search.ts';

const postgres = await startPostgres();
afterAll(postgres.stop);

const open = async (name: string) => {
  const url = await postgres.createDatabase(name);
  return { url, ...(await openPostgres(url)) };
};

describeDirectory('PostgreSQL', async () => (await open('directory')).database);
let searches = 0;
describeSearch('PostgreSQL', async () => (await open(`search_${searches++}`)).database);
describeHistory('PostgreSQL', async () => (await open('history')).database, 200);

it.each([
  ['waits for lines', 0],
  ['is busy', 2_000],
])(
  'an import that %s when its connection breaks fails, and nothing else does',
  async (_name, count) => {
    const { url, database } = await open(`broken_${count}`);
    async function* file() {
      yield Buffer.from('{"type":"user","id":"first"}\n');
      for (let i = 0; i < count; i++) yield Buffer.from(`{"type":"user","id":"${i}"}\n`);
      await terminate(url);
      for (let i = 0; i < 1_000; i++) yield Buffer.from(`{"type":"user","id":"late ${i}"}\n`);
    }
    const importing = importDirectory(createStore(database), file(), { author: cliAuthor('test') });
    expect(await rejectionOf(importing)).toMatchObject({ code: 'dependency_unavailable' });
    expect(await database.query('SELECT id FROM users')).toEqual([]);
    await database.close();
  },
);

it('a database whose encoding cannot hold every id is refused, and one that holds bytes is not', async () => {
  const latin = await postgres.createDatabase('latin', 'LATIN1');
  expect(await rejectionOf(openPostgres(latin))).toMatchObject({
    code: 'dependency_unavailable',
    extras: { reason: { code: 'NOT_UTF8' } },
  });
  // An export must be able to read it.
  await (await openPostgres(latin, { readOnly: true })).database.close();
  const bytes = await postgres.createDatabase('bytes', 'SQL_ASCII');
  await (await openPostgres(bytes)).database.close();
});

/** As a restart of PostgreSQL, or a network between, does it. */
async function terminate(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query(
    `SELECT pg_terminate_backend(pid, 2000) AS ended FROM pg_stat_activity
     WHERE application_name = 'zego-video-token directory' AND datname = current_database()`,
  );
  expect(rows).toContainEqual({ ended: true });
  await client.end();
}

it('a migration waits for a reader, and nobody waits behind it', { timeout: 60_000 }, async () => {
  const { url, database } = await open('locked');
  // As a release that does not know of the last migration leaves it.
  await database.query('DELETE FROM schema_version WHERE version = 5');
  await database.query('DROP TABLE room_hosts');
  await database.query('ALTER TABLE rooms DROP COLUMN publish');
  for (const name of ['added', 'removed', 'moved', 'truncated']) {
    await database.query(`DROP FUNCTION record_room_hosts_${name}()`);
  }
  await database.close();
  const reader = new pg.Client(url);
  const other = new pg.Client(url);
  await Promise.all([reader.connect(), other.connect()]);
  await reader.query('BEGIN');
  await reader.query('SELECT * FROM rooms');
  const migrating = openPostgres(url);
  let slowest = 0;
  for (let i = 0; i < 30; i++) {
    const started = performance.now();
    await other.query('SELECT * FROM rooms');
    slowest = Math.max(slowest, performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await reader.query('COMMIT');
  const migrated = await migrating;
  expect(slowest).toBeLessThan(700);
  await migrated.database.query('SELECT publish FROM rooms');
  await Promise.all([reader.end(), other.end(), migrated.database.close()]);
});
