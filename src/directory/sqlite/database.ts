import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { ServiceError } from '../../errors.ts';
import type { AccessDirectory, AccessFacts, AccessRequest } from '../../access/access.ts';
import type { Database, Query } from '../database.ts';
import { FACTS_SQL, type FactsRow, toFacts } from '../facts.ts';
import { migrate } from '../migrate.ts';
import { withinTransaction } from '../transaction.ts';

const LOCK_TIMEOUT_MS = 2_000;
const LOCK_RETRY_MS = 20;

/** A busy handler of SQLite's own would block the event loop: a writer waits for the lock below. */
const NO_WAIT = { timeout: 0 };

/**
 * Opens the directory in a SQLite file, makes it where it is not, and brings its schema up to date.
 *
 * @throws {ServiceError} `dependency_unavailable` when the file cannot be used
 */
export async function openSqliteDatabase(path: string): Promise<Database> {
  const writer = guard(() => {
    mkdirSync(dirname(path), { recursive: true });
    return new DatabaseSync(path, NO_WAIT);
  });
  await retryWhileLocked(() =>
    writer.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL'),
  );
  const reader = guard(() => new DatabaseSync(path, { ...NO_WAIT, readOnly: true }));
  const query = createQuery(reader);
  const write = createQuery(writer);
  let last: Promise<unknown> = Promise.resolve();

  const transaction: Database['transaction'] = (work) => {
    const before = last;
    const result = inTurn(before).then(() => inTransaction(writer, write, work));
    last = Promise.allSettled([before, result]);
    return result;
  };

  await migrate('sqlite', { query, transaction });
  return {
    query,
    transaction,
    async snapshot() {
      const view = guard(() => new DatabaseSync(path, { ...NO_WAIT, readOnly: true }));
      view.exec('BEGIN');
      return { query: createQuery(view), close: async () => view.close() };
    },
    async close() {
      await last;
      reader.close();
      writer.close();
    },
  };
}

type Question = PromiseWithResolvers<AccessFacts> & { request: AccessRequest };

/**
 * The facts from a SQLite file that {@link openSqliteDatabase} has made. Readers never wait for writers.
 *
 * Questions of one turn of the event loop are answered together, as SQLite's locks cost as much as an
 * answer. Their snapshot begins after the last of them was asked.
 */
export function openSqliteDirectory(path: string): AccessDirectory & { close(): void } {
  const db = guard(() => new DatabaseSync(path, { ...NO_WAIT, readOnly: true }));
  const statement = guard(() => db.prepare(inDialect(FACTS_SQL)));
  let questions: Question[] = [];

  function answer({ request: { userId, roomId, videoId }, resolve, reject }: Question): void {
    try {
      resolve(toFacts(statement.get(userId, roomId, videoId) as FactsRow));
    } catch (error) {
      reject(unavailable(error));
    }
  }

  function answerAll(): void {
    const asked = questions;
    questions = [];
    try {
      // What a COMMIT that failed has left open would show these questions the past.
      if (db.isTransaction) db.exec('ROLLBACK');
      db.exec('BEGIN');
      asked.forEach(answer);
      // A read that fails can end the transaction; those after it are answered one by one.
      if (db.isTransaction) db.exec('COMMIT');
    } catch (error) {
      for (const { reject } of asked) reject(unavailable(error));
    }
  }

  return {
    facts(request) {
      const question = { request, ...Promise.withResolvers<AccessFacts>() };
      if (questions.push(question) === 1) setImmediate(answerAll);
      return question.promise;
    },
    close: () => db.close(),
  };
}

function createQuery(db: DatabaseSync): Query {
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string) => {
    const statement = statements.get(sql) ?? db.prepare(inDialect(sql));
    statements.set(sql, statement);
    return statement;
  };
  return async (sql, values = []) => guard(() => prepare(sql).all(...values));
}

/** SQLite reads `$1` as a name and `?1` as a position. */
function inDialect(sql: string): string {
  return sql.replaceAll(/\$(\d)/g, '?$1').replaceAll('list(', 'json_each(');
}

/** Waits for whoever writes now, but not for ever. */
async function inTurn(before: Promise<unknown>): Promise<void> {
  const late = new AbortController();
  const timeout = delay(LOCK_TIMEOUT_MS, undefined, { signal: late.signal }).then(() => {
    throw unavailable({ code: 'WRITER_BUSY' });
  });
  await Promise.race([before, timeout]).finally(() => late.abort());
}

async function inTransaction<T>(
  db: DatabaseSync,
  write: Query,
  work: (query: Query) => Promise<T>,
): Promise<T> {
  await retryWhileLocked(() => db.exec('BEGIN IMMEDIATE'));
  // A full disk ends the transaction: what is sent after it would be kept.
  const query: Query = async (sql, values) => {
    if (!db.isTransaction) throw unavailable({ code: 'NO_TRANSACTION' });
    return write(sql, values);
  };
  try {
    const result = await withinTransaction(query, work);
    guard(() => db.exec('COMMIT'));
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

const SQLITE_BUSY = 5;

function isLocked(error: unknown): boolean {
  return ((error as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_BUSY;
}

function guard<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw unavailable(error);
  }
}

function unavailable(cause: unknown): ServiceError {
  return new ServiceError('dependency_unavailable', { cause });
}
