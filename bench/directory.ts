import { join } from 'node:path';
import type { Database } from '../src/directory/database.ts';
import { openPostgres } from '../src/directory/postgres/open.ts';
import { openSqliteDatabase } from '../src/directory/sqlite/database.ts';
import { cliAuthor, createStore } from '../src/directory/store.ts';
import { importDirectory } from '../src/directory/transfer.ts';

/** So many users, rooms and videos; user n is the member of room n, which has video n. */
async function* entries(size: number): AsyncGenerator<Buffer> {
  for (let n = 0; n < size; n++) {
    yield Buffer.from(
      `{"type":"user","id":"user-${n}"}\n{"type":"video","id":"video-${n}","availableUntil":4102444800}\n` +
        `{"type":"room","id":"room-${n}","videoIds":["video-${n}"],"memberIds":["user-${n}"]}\n`,
    );
  }
}

async function fill(database: Database, size: number): Promise<void> {
  await importDirectory(createStore(database), entries(size), { author: cliAuthor('bench') });
}

/** Writes a SQLite directory of this size into `folder` and returns its path. */
export async function writeSqlite(folder: string, size: number): Promise<string> {
  const path = join(folder, `${size}.db`);
  const database = await openSqliteDatabase(path);
  await fill(database, size);
  await database.close();
  return path;
}

/** Writes the same directory into the empty PostgreSQL database at `url`. */
export async function writePostgres(url: string, size: number): Promise<void> {
  const { database } = await openPostgres(url);
  await fill(database, size);
  await database.close();
}
