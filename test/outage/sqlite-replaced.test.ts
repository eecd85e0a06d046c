import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import type { AccessRequest } from '../../src/access/access.ts';
import type { Database } from '../../src/directory/database.ts';
import { openSqliteDatabase } from '../../src/directory/sqlite/database.ts';
import type { FileChange } from '../../src/directory/sqlite/open.ts';
import { openAccess } from '../../src/open-access.ts';
import { NOW } from '../support/clock.ts';
import { load } from '../support/directory.ts';
import { rejectionOf } from '../support/errors.ts';
import { temporaryFolder } from '../support/folder.ts';

const room = (videoId: string) => [
  { type: 'user', id: 'alice' },
  { type: 'video', id: 'before' },
  { type: 'video', id: 'after' },
  { type: 'room', id: 'room', videoIds: [videoId], memberIds: ['alice'] },
];
const request = (videoId: string): AccessRequest => ({
  userId: 'alice',
  roomId: 'room',
  videoId,
  country: undefined,
  requestId: 'request',
});
const SOON = { interval: 20, timeout: 5_000 };

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder.path, 'access.db');
});
afterEach(() => folder.remove());

/** A directory in which the film `videoId` may be watched, in a file of its own. */
async function prepare(name: string, videoId: string): Promise<string> {
  const file = join(folder.path, name);
  const database = await openSqliteDatabase(file);
  await load(database, room(videoId));
  await database.close();
  return file;
}

async function open() {
  renameSync(await prepare('first.db', 'before'), path);
  const changes: FileChange['state'][] = [];
  const opened = await openAccess(
    { mode: 'sqlite', path },
    { onFileChange: ({ state }) => changes.push(state) },
  );
  onTestFinished(opened.service.close);
  const allows = async (videoId: string) =>
    (await opened.service.check(request(videoId), NOW)).allow;
  expect(await allows('before')).toBe(true);
  return { ...opened, database: opened.database as Database, changes, allows };
}

it('a file that takes the place of the directory is opened within 5 s, and the old one gives nothing', async () => {
  const { changes, allows, isGone } = await open();
  // Pages of the old file that are in its WAL alone.
  const second = await prepare('second.db', 'after');
  renameSync(second, path);
  await vi.waitFor(() => expect(changes).toEqual(['reopened']), SOON);
  expect([await allows('before'), await allows('after'), isGone?.()]).toEqual([false, true, false]);
});

it('writes of before do not get into the file that takes the place', async () => {
  const { database, changes, allows } = await open();
  // An export in progress keeps the WAL from being emptied.
  const snapshot = await database.snapshot();
  expect(await snapshot.query('SELECT count(*) AS users FROM users')).toEqual([{ users: 1 }]);
  for (let user = 0; user < 500; user++) {
    await load(database, [{ type: 'user', id: `user ${user}` }]);
  }
  expect(existsSync(`${path}-wal`)).toBe(true);
  renameSync(await prepare('second.db', 'after'), path);
  await vi.waitFor(() => expect(changes).toEqual(['reopened']), SOON);
  expect(await allows('after')).toBe(true);
  const check = new DatabaseSync(path);
  onTestFinished(() => check.close());
  expect(check.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  expect(check.prepare('SELECT count(*) AS users FROM users').get()).toEqual({ users: 1 });
  expect(await snapshot.query('SELECT count(*) AS users FROM users')).toEqual([{ users: 1 }]);
  await snapshot.close();
});

it('a change is never written to a file that is not there any more', async () => {
  const { database, changes } = await open();
  const second = await prepare('second.db', 'after');
  const during = database.transaction(async ({ query }) => {
    await query("INSERT INTO users (id, status) VALUES ('during', 'active')");
    renameSync(second, path);
  });
  expect(await rejectionOf(during)).toMatchObject({
    extras: { reason: { code: 'FILE_REPLACED' } },
  });
  const afterwards = load(database, [{ type: 'user', id: 'afterwards' }]);
  expect(await rejectionOf(afterwards)).toMatchObject({ code: 'dependency_unavailable' });
  await vi.waitFor(() => expect(changes).toEqual(['reopened']), SOON);
  await load(database, [{ type: 'user', id: 'again' }]);
  expect(await database.query("SELECT id FROM users WHERE id <> 'alice'")).toEqual([
    { id: 'again' },
  ]);
});

it('without a file nothing is decided until there is one again', async () => {
  const { database, changes, service, allows, isGone } = await open();
  rmSync(path);
  await vi.waitFor(() => expect(changes).toEqual(['gone']), SOON);
  expect(isGone?.()).toBe(true);
  expect(await rejectionOf(service.check(request('before'), NOW))).toMatchObject({
    code: 'dependency_unavailable',
  });
  expect(await rejectionOf(load(database, [{ type: 'user', id: 'lost' }]))).toMatchObject({
    code: 'dependency_unavailable',
  });
  expect(existsSync(path)).toBe(false);
  renameSync(await prepare('second.db', 'after'), path);
  await vi.waitFor(() => expect(changes).toEqual(['gone', 'reopened']), SOON);
  expect(await allows('after')).toBe(true);
  expect(service.healthy()).toBe(true);
});

it('a file that cannot be used is said once, and used once it can be', async () => {
  const { changes, service } = await open();
  const other = join(folder.path, 'other.db');
  const foreign = new DatabaseSync(other);
  foreign.exec('CREATE TABLE bookmarks (url TEXT)');
  foreign.close();
  renameSync(other, path);
  await vi.waitFor(() => expect(changes).toEqual(['gone']), SOON);
  await new Promise((resolve) => setTimeout(resolve, 2_200));
  expect(changes).toEqual(['gone']);
  expect(await rejectionOf(service.check(request('before'), NOW))).toMatchObject({
    code: 'dependency_unavailable',
  });
  renameSync(await prepare('second.db', 'after'), path);
  await vi.waitFor(() => expect(changes).toEqual(['gone', 'reopened']), SOON);
});

it('a directory that is moved away and back goes on', async () => {
  const { database, changes, allows } = await open();
  for (let user = 0; user < 50; user++)
    await load(database, [{ type: 'user', id: `user ${user}` }]);
  renameSync(path, `${path}.away`);
  await vi.waitFor(() => expect(changes).toEqual(['gone']), SOON);
  renameSync(`${path}.away`, path);
  await vi.waitFor(() => expect(changes).toEqual(['gone', 'reopened']), SOON);
  expect(await allows('before')).toBe(true);
  expect(await database.query('SELECT count(*) AS users FROM users')).toEqual([{ users: 51 }]);
});
