import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../support/folder.ts';
import { post } from '../support/post.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { startService, type Variables } from '../support/service.ts';
import { dumpPostgres, dumpSqlite } from './dump.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const read = (file: string) => readFileSync(join(FOLDER, file), 'utf8');
const { version } = JSON.parse(read('../../package.json'));
const releases = [...read('../../CHANGELOG.md').matchAll(/^## \[(\d[^\]]+)\]/gm)]
  .map(([, release]) => release as string)
  .filter((release) => release !== version);

/** What a directory holds, in statements that every released schema takes. */
const ROWS = `
  INSERT INTO users (id) VALUES ('alice');
  INSERT INTO videos (id) VALUES ('film');
  INSERT INTO rooms (id) VALUES ('room');
  INSERT INTO room_members (room_id, user_id) VALUES ('room', 'alice');
  INSERT INTO room_videos (room_id, video_id) VALUES ('room', 'film');`;

/** Starts the service, which migrates, and waits for this answer to a request for a token. */
async function expectStart(variables: Variables, status: 200 | 403): Promise<void> {
  const service = await startService(variables);
  try {
    // A service sheds requests while a slow machine still starts it.
    await expect
      .poll(async () => (await post(service.origin)).status, { timeout: 5_000 })
      .toBe(status);
  } finally {
    await service.stop();
  }
}

it('keeps the schemas of every release in the changelog', () => {
  expect(releases).toEqual(expect.arrayContaining(['0.1.0', '0.2.0']));
  for (const release of releases)
    for (const database of ['sqlite', 'postgres'])
      expect(existsSync(join(FOLDER, `${release}.${database}.sql`)), release).toBe(true);
});

describe('a SQLite file', () => {
  function newFile(): string {
    const folder = temporaryFolder();
    onTestFinished(folder.remove);
    return join(folder.path, 'access.db');
  }

  it('that is new has the schema of this version', async () => {
    const path = newFile();
    await expectStart({ ACCESS_SQLITE_PATH: path }, 403);
    await expect(dumpSqlite(path)).toMatchFileSnapshot(`${version}.sqlite.sql`);
  });

  it.each(releases)('of %s is migrated with its rows, and ends like a new one', async (release) => {
    const path = newFile();
    const database = new DatabaseSync(path);
    database.exec(read(`${release}.sqlite.sql`) + ROWS);
    database.close();
    await expectStart({ ACCESS_SQLITE_PATH: path }, 200);
    await expect(dumpSqlite(path)).toMatchFileSnapshot(`${version}.sqlite.sql`);
  });
});

describe('a PostgreSQL database', () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.stop());

  it('that is new has the schema of this version', async () => {
    const url = await postgres.createDatabase('new');
    await expectStart({ ACCESS_MODE: 'postgres', DATABASE_URL: url }, 403);
    await expect(await dumpPostgres(url)).toMatchFileSnapshot(`${version}.postgres.sql`);
  });

  it.each(releases)('of %s is migrated with its rows, and ends like a new one', async (release) => {
    const url = await postgres.createDatabase(`released_${release.replaceAll('.', '_')}`);
    const client = new pg.Client(url);
    await client.connect();
    await client.query(read(`${release}.postgres.sql`) + ROWS);
    await client.end();
    await expectStart({ ACCESS_MODE: 'postgres', DATABASE_URL: url }, 200);
    await expect(await dumpPostgres(url)).toMatchFileSnapshot(`${version}.postgres.sql`);
  });
});
