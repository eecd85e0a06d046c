import { accessSync, constants, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { withDeadline } from '../../time.ts';
import { type Database, type Query, type Session, withinTransaction } from '../database.ts';
import { migrate, SCHEMA_TABLE } from '../migrations.ts';
import { isLocked, NO_WAIT, orUnavailable, unavailable, unusable } from './errors.ts';
import { identityOf, kindOfPath } from './path.ts';

const LOCK_TIMEOUT_MS = 2_000;
const LOCK_RETRY_MS = 20;

/**
 * Opens the directory in a SQLite file, which is created if it does not exist, and migrates the schema.
 *
 * @throws {ServiceError} `dependency_unavailable` when the file cannot be used
 */
export async function openSqliteDatabase(path: string): Promise<Database> {
  const writer = orUnavailable(() => {
    makeFolder(dirname(path));
    assertNotFolder(path);
    assertWritable(dirname(path));
    return new DatabaseSync(path, NO_WAIT);
  });
  assertOwnSchema(writer);
  await retryWhileLocked(() =>
    writer.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL'),
  );
  const reader = openSqliteReader(path);
  const session = createSession(writer);
  const identity = identityOf(path);
  // A write to a file that has no name any more would be lost.
  const assertSameFile = () => {
    if (identityOf(path) !== identity) throw unusable('FILE_REPLACED');
  };
  let last: Promise<unknown> = Promise.resolve();

  const database: Database = {
    ...reader,
    transaction(work) {
      const before = last;
      const result = waitFor(before).then(() =>
        inTransaction(writer, session, work, assertSameFile),
      );
      last = Promise.allSettled([before, result]);
      return result;
    },
    async close() {
      await last;
      await reader.close();
      // SQLite does so itself, but not for a file that was moved, which would lack its last changes.
      if (identityOf(path) !== identity) writer.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      writer.close();
    },
  };
  await migrate('sqlite', database);
  return database;
}

/**
 * Opens an existing file read-only.
 *
 * @throws {ServiceError} `dependency_unavailable` when the file does not exist
 */
export function openSqliteReader(path: string): Database {
  const open = () => orUnavailable(() => new DatabaseSync(path, { ...NO_WAIT, readOnly: true }));
  orUnavailable(() => {
    if (kindOfPath(path) === 'nothing') throw unusable('ENOENT');
    assertNotFolder(path);
  });
  const db = open();
  return {
    ...createSession(db),
    async transaction() {
      throw unusable('SQLITE_READONLY');
    },
    async snapshot() {
      const view = open();
      orUnavailable(() => view.exec('BEGIN'));
      return { ...createSession(view), close: async () => view.close() };
    },
    close: async () => db.close(),
  };
}

/** A database that is whichever is open at the moment; throws what `current` throws. */
export function delegate(
  { parameter, list, contains, isLocal, clock, author }: Session,
  current: () => Database,
  close: () => Promise<void>,
): Database {
  return {
    parameter,
    list,
    contains,
    isLocal,
    clock,
    author,
    query: async (sql, values) => current().query(sql, values),
    transaction: async (work) => current().transaction(work),
    snapshot: async () => current().snapshot(),
    close,
  };
}

/** Replaces `recursive: true`, which loops forever where folders cannot be created, such as below `/proc`. */
function makeFolder(path: string, hasParent = false): void {
  try {
    mkdirSync(path);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ENOENT' && !hasParent) {
      makeFolder(dirname(path));
      makeFolder(path, true);
    } else if (code !== 'EEXIST' || kindOfPath(path) === 'file') throw error;
  }
}

/**
 * Checks that a process may change an existing file, without opening it.
 *
 * @throws {ServiceError} `dependency_unavailable`
 */
export function assertWritableFile(path: string): void {
  for (const needed of [path, dirname(path)]) orUnavailable(() => assertWritable(needed));
}

/** Reports EACCES or EROFS; SQLite does not distinguish them. */
function assertWritable(path: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    // With the Node.js permission model, accessSync requires the read permission.
    if ((error as { code?: string }).code !== 'ERR_ACCESS_DENIED') throw error;
  }
}

/** SQLite would only report that it cannot open the file. */
function assertNotFolder(path: string): void {
  if (kindOfPath(path) === 'folder') throw unusable('EISDIR');
}

/** Refuses a database of another program. */
function assertOwnSchema(db: DatabaseSync): void {
  const names = orUnavailable(() =>
    db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all(),
  );
  if (names.length > 0 && !names.some(({ name }) => name === SCHEMA_TABLE)) {
    throw unusable('FOREIGN_DATABASE');
  }
}

function createSession(db: DatabaseSync): Session {
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string) => {
    const statement = statements.get(sql) ?? db.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  return {
    query: async (sql, values = []) => orUnavailable(() => prepare(sql).all(...values)),
    parameter: (position) => `?${position}`,
    list: (parameter) => `json_each(${parameter})`,
    contains: (text, part) => `instr(${text}, ${part}) > 0`,
    isLocal: true,
    clock: "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)",
    author: {
      set: 'INSERT OR REPLACE INTO change_author (id, actor, request_id) VALUES (1, ?1, ?2)',
      clear: 'DELETE FROM change_author',
    },
  };
}

/** Waits for the previous transaction, with a timeout. */
async function waitFor(before: Promise<unknown>): Promise<void> {
  await withDeadline(before, LOCK_TIMEOUT_MS, () => {
    throw unusable('WRITER_BUSY');
  });
}

async function inTransaction<T>(
  db: DatabaseSync,
  session: Session,
  work: (session: Session) => Promise<T>,
  assertSameFile: () => void,
): Promise<T> {
  orUnavailable(assertSameFile);
  await retryWhileLocked(() => db.exec('BEGIN IMMEDIATE'));
  // A full disk rolls back the transaction; later statements would be committed separately.
  const query: Query = async (sql, values) => {
    if (!db.isTransaction) throw unusable('NO_TRANSACTION');
    return session.query(sql, values);
  };
  try {
    const result = await withinTransaction({ ...session, query }, work);
    orUnavailable(assertSameFile);
    orUnavailable(() => db.exec('COMMIT'));
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

async function retryWhileLocked(work: () => void): Promise<void> {
  const deadline = performance.now() + LOCK_TIMEOUT_MS;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isLocked(error) || performance.now() > deadline) throw unavailable(error);
      await delay(LOCK_RETRY_MS);
    }
  }
}
