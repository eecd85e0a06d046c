import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AccessRequest } from '../../src/access/access.ts';
import type { Database } from '../../src/directory/database.ts';
import { openSqliteDatabase } from '../../src/directory/sqlite/database.ts';
import { openAccess } from '../../src/open-access.ts';
import { NOW } from '../support/clock.ts';
import { load } from '../support/directory.ts';
import { rejectionOf } from '../support/errors.ts';
import { temporaryFolder } from '../support/folder.ts';

const ALICE = { type: 'user', id: 'alice' };
const DIRECTORY = [
  ALICE,
  { type: 'video', id: 'film' },
  { type: 'room', id: 'room', videoIds: ['film'], memberIds: ['alice'] },
];
const REQUEST: AccessRequest = {
  userId: 'alice',
  roomId: 'room',
  videoId: 'film',
  country: undefined,
  requestId: 'request',
};
const UNAVAILABLE = { name: 'ServiceError', code: 'dependency_unavailable' };

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
const closers: (() => unknown)[] = [];

beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder.path, 'access.db');
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  folder.remove();
});

async function open(): Promise<Database> {
  const database = await openSqliteDatabase(path);
  closers.push(database.close);
  return database;
}

async function openFilled() {
  const { service, database } = await openAccess({ mode: 'sqlite', path });
  closers.push(service.close);
  if (!database) throw new Error('there is no database');
  await load(database, DIRECTORY);
  return { service, database };
}

/** Another process's connection, as far as SQLite can tell. */
function otherConnection(): DatabaseSync {
  const other = new DatabaseSync(path);
  closers.push(() => other.isOpen && other.close());
  return other;
}

async function countUsers(database: Database): Promise<number> {
  const [row] = await database.query('SELECT count(*) AS users FROM users');
  return row?.users as number;
}

describe('the schema', () => {
  it('is made in a file and folders that do not exist yet', async () => {
    path = join(folder.path, 'a', 'b', 'access.db');
    expect(await countUsers(await open())).toBe(0);
  });

  it('has each migration applied once, however often it is opened', async () => {
    for (let i = 0; i < 3; i++) {
      const database = await openSqliteDatabase(path);
      if (i === 0) await load(database, [ALICE]);
      await database.close();
    }
    const database = await open();
    const migrations = readdirSync(
      new URL('../../src/directory/sqlite/migrations', import.meta.url),
    );
    const applied = await database.query('SELECT version FROM schema_version WHERE version > 0');
    expect(applied).toHaveLength(migrations.length);
    expect(await countUsers(database)).toBe(1);
  });

  it('is made once by several that open a new file at the same time', async () => {
    const databases = await Promise.all([open(), open(), open(), open()]);
    await Promise.all(databases.map((each, i) => load(each, [{ type: 'user', id: `u${i}` }])));
    expect(await Promise.all(databases.map(countUsers))).toEqual([4, 4, 4, 4]);
  });

  it('needs no lock where there is nothing to do: a service starts during an import', async () => {
    await (await openSqliteDatabase(path)).close();
    const other = otherConnection();
    other.exec('BEGIN IMMEDIATE');
    expect(await countUsers(await open())).toBe(0);
  });

  it('is the same in both dialects, so that an export of one is an import of the other', () => {
    const read = (dialect: string) =>
      readFileSync(
        new URL(`../../src/directory/${dialect}/migrations/001.do.directory.sql`, import.meta.url),
        'utf8',
      );
    const neutral = (sql: string) =>
      sql.replaceAll(' STRICT, WITHOUT ROWID', '').replaceAll('BIGINT', 'INTEGER');
    expect(neutral(read('sqlite'))).toBe(neutral(read('postgres')));
  });
});

describe('a transaction', () => {
  it('keeps nothing when its work fails, and the next one goes on', async () => {
    const database = await open();
    const failing = database.transaction(async ({ query }) => {
      await query("INSERT INTO users (id) VALUES ('kept?')");
      throw new Error('on purpose');
    });
    expect(await rejectionOf(failing)).toMatchObject({ message: 'on purpose' });
    await load(database, [ALICE]);
    expect(await countUsers(database)).toBe(1);
  });

  it('keeps nothing when a statement breaks a constraint of the schema', async () => {
    const database = await open();
    const failing = database.transaction(async ({ query }) => {
      await query("INSERT INTO users (id) VALUES ('kept?')");
      await query("INSERT INTO room_members (room_id, user_id) VALUES ('no', 'such')");
    });
    expect(await rejectionOf(failing)).toMatchObject(UNAVAILABLE);
    expect(await countUsers(database)).toBe(0);
  });

  it('is not seen by readers before it ends', async () => {
    const database = await open();
    const inserted = Promise.withResolvers<void>();
    const seen = Promise.withResolvers<void>();
    const writing = database.transaction(async ({ query }) => {
      await query("INSERT INTO users (id) VALUES ('alice')");
      inserted.resolve();
      await seen.promise;
    });
    await inserted.promise;
    expect(await countUsers(database)).toBe(0);
    seen.resolve();
    await writing;
    expect(await countUsers(database)).toBe(1);
  });

  it('waits for the one before it', async () => {
    const database = await open();
    const order: string[] = [];
    const work = (name: string) => async () => {
      order.push(`${name} begins`);
      await delay(5);
      order.push(`${name} ends`);
    };
    await Promise.all(['a', 'b', 'c'].map((name) => database.transaction(work(name))));
    expect(order.map((line) => line[0]).join('')).toBe('aabbcc');
  });

  it('that does not end is not waited for, and those after it are not lost with it', async () => {
    const database = await open();
    const release = Promise.withResolvers<void>();
    const stuck = database.transaction(async ({ query }) => {
      await query("INSERT INTO users (id) VALUES ('slow')");
      await release.promise;
    });
    const add = (id: string) => load(database, [{ type: 'user', id }]);
    const waiting = await Promise.all([rejectionOf(add('a')), rejectionOf(add('b'))]);
    for (const error of waiting) expect(error).toMatchObject(UNAVAILABLE);
    const last = add('c');
    await nextTurn();
    release.resolve();
    await Promise.all([stuck, last]);
    expect(await database.query('SELECT id FROM users ORDER BY id')).toMatchObject([
      { id: 'c' },
      { id: 'slow' },
    ]);
  });

  it('keeps nothing when the disk is full, and the next one goes on when it is not', async () => {
    const { service, database } = await openFilled();
    const limitPages = (pages: number) =>
      database.transaction(({ query }) => query(`PRAGMA max_page_count = ${pages}`));
    const many = Array.from({ length: 5_000 }, (_, i) => ({ type: 'user', id: `user-${i}` }));
    await limitPages(1);
    expect(await rejectionOf(load(database, many))).toMatchObject(UNAVAILABLE);
    expect(await countUsers(database)).toBe(1);
    expect(await service.check(REQUEST, NOW)).toEqual({ allow: true });
    await limitPages(1_000_000);
    await load(database, many);
    expect(await countUsers(database)).toBe(5_001);
  });

  it('in progress is finished before the database closes', async () => {
    const database = await openSqliteDatabase(path);
    const writing = load(database, [ALICE]);
    await database.close();
    expect(await writing).toMatchObject({ user: 1 });
    expect(await countUsers(await open())).toBe(1);
  });
});

describe('while another connection writes', () => {
  it.each(['BEGIN IMMEDIATE', 'BEGIN EXCLUSIVE'])('questions are answered: %s', async (begin) => {
    const { service } = await openFilled();
    const other = otherConnection();
    other.exec(`${begin}; UPDATE users SET status = 'suspended'`);
    expect(await service.check(REQUEST, NOW)).toEqual({ allow: true });
    other.exec('COMMIT');
    expect(await service.check(REQUEST, NOW)).toMatchObject({ code: 'user_not_allowed' });
  });

  it('our writer waits for its end', async () => {
    const { database } = await openFilled();
    const other = otherConnection();
    other.exec('BEGIN IMMEDIATE');
    const writing = load(database, [{ type: 'user', id: 'bob' }]);
    await delay(60);
    expect(await countUsers(database)).toBe(1);
    other.exec('COMMIT');
    await writing;
    expect(await countUsers(database)).toBe(2);
  });

  it('our writer gives up in time, and neither blocks the event loop nor the reads', async () => {
    const { service, database } = await openFilled();
    const other = otherConnection();
    other.exec('BEGIN IMMEDIATE');
    const before = performance.eventLoopUtilization();
    const started = performance.now();
    const writing = rejectionOf(load(database, [{ type: 'user', id: 'bob' }]));
    const answers = await Promise.all([service.check(REQUEST, NOW), writing]);
    const { utilization } = performance.eventLoopUtilization(before);
    expect(answers).toEqual([{ allow: true }, expect.objectContaining(UNAVAILABLE)]);
    expect(performance.now() - started).toBeLessThan(4_000);
    // A busy timeout of SQLite's own, however short, would stand still for nearly all of the time.
    expect(utilization).toBeLessThan(0.5);
    other.exec('COMMIT');
    await load(database, [{ type: 'user', id: 'bob' }]);
    expect(await countUsers(database)).toBe(2);
  });
});

describe('a file that cannot be used', () => {
  it('is reported when it is no database', async () => {
    writeFileSync(path, 'this is no database, but it is long enough for a header. '.repeat(100));
    const error = await rejectionOf(openAccess({ mode: 'sqlite', path }));
    expect(error).toMatchObject(UNAVAILABLE);
  });

  it('is reported when it is a folder', async () => {
    path = folder.path;
    expect(await rejectionOf(openSqliteDatabase(path))).toMatchObject(UNAVAILABLE);
  });

  it('is reported when its folder is a file', async () => {
    writeFileSync(path, '');
    const error = await rejectionOf(openSqliteDatabase(join(path, 'access.db')));
    expect(error).toMatchObject(UNAVAILABLE);
  });

  it('gives no decision when its pages are damaged, and is called unhealthy', async () => {
    const filled = await openFilled();
    await filled.service.close();
    closers.length = 0;
    const bytes = readFileSync(path);
    const database = new DatabaseSync(path);
    const roots = database
      .prepare("SELECT rootpage FROM sqlite_master WHERE name IN ('rooms', 'users', 'videos')")
      .all();
    database.close();
    expect(roots).toHaveLength(3);
    for (const { rootpage } of roots) {
      const page = (Number(rootpage) - 1) * 4096;
      bytes.fill(0xff, page, page + 8);
    }
    writeFileSync(path, bytes);
    const { service } = await openAccess({ mode: 'sqlite', path });
    closers.push(service.close);
    const { userId, roomId, country, requestId } = REQUEST;
    const entry = { userId, roomId, country, requestId, kind: 'room', publish: false } as const;
    expect(await rejectionOf(service.checkEntry(entry, NOW))).toMatchObject(UNAVAILABLE);
    expect(service.healthy()).toBe(false);
    expect(await rejectionOf(service.check(REQUEST, NOW))).toMatchObject(UNAVAILABLE);
    expect(service.healthy()).toBe(false);
  });

  it('says nothing of its path or its content in the code that the client reads', async () => {
    writeFileSync(path, 'x'.repeat(10_000));
    const error = await rejectionOf(openSqliteDatabase(path));
    expect((error as Error).message).toBe('dependency_unavailable');
  });
});
