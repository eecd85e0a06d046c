import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSqliteDatabase } from '../../src/directory/sqlite/database.ts';
import { temporaryFolder } from '../support/folder.ts';
import { describeDirectory } from './contract.ts';
import { describeHistory } from './history.ts';
import { describeSearch } from './search.ts';

async function openTemporary() {
  const folder = temporaryFolder();
  const database = await openSqliteDatabase(join(folder.path, 'access.db'));
  return {
    ...database,
    async close() {
      await database.close();
      folder.remove();
    },
  };
}

describeDirectory('SQLite', openTemporary);
describeHistory('SQLite', openTemporary, 500);
describeSearch('SQLite', openTemporary);

/** One row of each table, as a program by hand writes them. */
const FILLED = `
  INSERT INTO users (id) VALUES ('alice');
  INSERT INTO videos (id) VALUES ('film');
  INSERT INTO rooms (id, publish) VALUES ('room', 'hosts');
  INSERT INTO room_members VALUES ('room', 'alice');
  INSERT INTO room_videos VALUES ('room', 'film');
  INSERT INTO room_hosts VALUES ('room', 'alice');
  INSERT INTO video_licences (video_id, position) VALUES ('film', 1);`;

const LINKS = ['room_members', 'room_videos', 'room_hosts', 'video_licences'] as const;

async function openByHand(foreignKeys: boolean) {
  const folder = temporaryFolder();
  const path = join(folder.path, 'access.db');
  await (await openSqliteDatabase(path)).close();
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: foreignKeys });
  db.exec(FILLED);
  onTestFinished(() => {
    db.close();
    folder.remove();
  });
  const rows = () => LINKS.filter((table) => db.prepare(`SELECT 1 FROM ${table}`).all().length > 0);
  const changes = () =>
    db
      .prepare('SELECT type FROM changes WHERE after IS NULL ORDER BY type')
      .all()
      .map(({ type }) => type);
  return { db, rows, changes };
}

describe.each([true, false])('a program by hand, with foreign keys %s', (foreignKeys) => {
  it.each<[string, string, readonly string[], readonly string[]]>([
    [
      `DELETE FROM room_members`,
      `INSERT INTO room_members VALUES ('room', 'alice')`,
      ['room_members', 'room_videos', 'video_licences'],
      ['host', 'member'],
    ],
    [
      `DELETE FROM users`,
      `INSERT INTO users (id) VALUES ('alice')`,
      ['room_videos', 'video_licences'],
      ['host', 'member', 'user'],
    ],
    [
      `DELETE FROM rooms`,
      `INSERT INTO rooms (id) VALUES ('room')`,
      ['video_licences'],
      ['host', 'member', 'room', 'room_video'],
    ],
    [
      `DELETE FROM videos`,
      `INSERT INTO videos (id) VALUES ('film')`,
      ['room_members', 'room_hosts'],
      ['licence', 'room_video', 'video'],
    ],
  ])(
    '%s, then %s: nothing is inherited, and each row has its change',
    async (remove, again, left, gone) => {
      const { db, rows, changes } = await openByHand(foreignKeys);
      db.exec(`${remove}; ${again}`);
      expect(rows()).toEqual(LINKS.filter((table) => left.includes(table)));
      expect(changes()).toEqual(gone);
    },
  );

  it.each([
    `UPDATE users SET id = 'other'`,
    `UPDATE rooms SET id = 'other'`,
    `UPDATE videos SET id = 'other'`,
    `UPDATE room_members SET user_id = 'other'`,
  ])('%s is refused, because rows refer to it', async (statement) => {
    const { db, rows } = await openByHand(foreignKeys);
    db.exec(`INSERT INTO users (id) VALUES ('bob')`);
    expect(() => db.exec(statement)).toThrow('FOREIGN KEY constraint failed');
    expect(rows()).toEqual(LINKS);
  });

  it.each([
    ['users', 'alice'],
    ['rooms', 'room'],
    ['videos', 'film'],
  ])('UPDATE OR REPLACE of %s to the id of another is refused', async (table, id) => {
    const { db, rows } = await openByHand(foreignKeys);
    db.exec(`INSERT INTO ${table} (id) VALUES ('fresh')`);
    expect(() => db.exec(`UPDATE OR REPLACE ${table} SET id = '${id}' WHERE id = 'fresh'`)).toThrow(
      `UNIQUE constraint failed: ${table}.id`,
    );
    expect(rows()).toEqual(LINKS);
    db.exec(`UPDATE ${table} SET id = 'free' WHERE id = 'fresh'`);
  });

  it('replaces a film with its licence, and none of the others stays', async () => {
    const { db, rows } = await openByHand(foreignKeys);
    db.exec(`REPLACE INTO videos (id, available_until) VALUES ('film', 1)`);
    expect(rows()).not.toContain('video_licences');
  });
});

it('rows that refer to nothing are removed by the migration, with their changes', async () => {
  const folder = temporaryFolder();
  onTestFinished(folder.remove);
  const path = join(folder.path, 'access.db');
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  db.exec(readFileSync(new URL('../schemas/0.2.0.sqlite.sql', import.meta.url), 'utf8'));
  db.exec(`
    INSERT INTO users (id) VALUES ('alice'); INSERT INTO rooms (id) VALUES ('room');
    INSERT INTO room_members VALUES ('room', 'alice'), ('room', 'gone'), ('gone', 'alice');
    INSERT INTO room_videos VALUES ('room', 'gone')`);
  db.close();
  const { query, close } = await openSqliteDatabase(path);
  onTestFinished(close);
  expect(await query('SELECT room_id, user_id FROM room_members')).toEqual([
    { room_id: 'room', user_id: 'alice' },
  ]);
  expect(await query('SELECT * FROM room_videos')).toEqual([]);
  expect(await query('SELECT type FROM changes ORDER BY type')).toEqual([
    { type: 'member' },
    { type: 'member' },
    { type: 'room_video' },
  ]);
});
