import { DatabaseSync } from 'node:sqlite';
import type { AccessDirectory } from '../../access/access.ts';
import { type FactsRow, selectFacts, toFacts } from '../facts.ts';
import { createQuestionCollector, type PendingRequest } from '../questions.ts';
import { NO_WAIT, orUnavailable, unavailable } from './errors.ts';

/** Always one row: the facts about user ?1, room ?2 and video ?3. */
const FACTS_SQL = `
SELECT
  ${selectFacts({ userId: '?1', roomId: '?2', videoId: '?3' })}
FROM (SELECT 1) AS one LEFT JOIN videos AS video ON video.id = ?3`;

/** With the default of 2 MB, SQLite would read five pages per question with 100,000 users. */
const CACHE_KIB = 32 * 1024;

/**
 * Facts from an existing SQLite file. Readers do not wait for writers.
 *
 * A batch is answered in one transaction, because locking costs as much as a query. Its snapshot begins after the
 * last question of the batch. A single query is its own transaction.
 */
export function openSqliteFacts(path: string): AccessDirectory & { close(): void } {
  const db = orUnavailable(() => new DatabaseSync(path, { ...NO_WAIT, readOnly: true }));
  orUnavailable(() => db.exec(`PRAGMA cache_size = -${CACHE_KIB}`));
  const statement = orUnavailable(() => db.prepare(FACTS_SQL));
  // `get` then returns an array, which @types/node does not declare.
  statement.setReturnArrays(true);

  function answer({ request: { userId, roomId, videoId }, resolve, reject }: PendingRequest): void {
    try {
      resolve(toFacts(statement.get(userId, roomId, videoId) as unknown as FactsRow));
    } catch (error) {
      reject(unavailable(error));
    }
  }

  function answerAll(questions: readonly PendingRequest[]): undefined {
    try {
      // A failed COMMIT leaves a transaction open, with a snapshot older than these questions.
      if (db.isTransaction) db.exec('ROLLBACK');
      if (questions.length > 1) db.exec('BEGIN');
      questions.forEach(answer);
      // A failed read can end the transaction; the next queries then run in their own.
      if (db.isTransaction) db.exec('COMMIT');
    } catch (error) {
      throw unavailable(error);
    }
  }

  return { facts: createQuestionCollector(answerAll), close: () => db.close() };
}
