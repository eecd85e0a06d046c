import { DatabaseSync } from 'node:sqlite';
import type { AccessDirectory } from '../../access/access.ts';
import { type FactsRow, selectFacts, toFacts } from '../facts.ts';
import { createQuestionCollector, type Question } from '../questions.ts';
import { NO_WAIT, orUnavailable, unavailable } from './errors.ts';

/** One row, always: what is known about user ?1, room ?2 and video ?3. */
const FACTS_SQL = `
SELECT
  ${selectFacts({ userId: '?1', roomId: '?2', videoId: '?3' })}
FROM (SELECT 1) AS one LEFT JOIN videos AS video ON video.id = ?3`;

/** SQLite's own 2 MB would read five pages anew for each question of a directory of 100,000 users. */
const CACHE_KIB = 32 * 1024;

/**
 * The facts in an existing SQLite file. Readers never wait for writers.
 *
 * Questions of one batch are answered in one transaction, as SQLite's locks cost as much as an answer. Its
 * snapshot begins after the last of them was asked. A single query is a transaction by itself.
 */
export function openSqliteFacts(path: string): AccessDirectory & { close(): void } {
  const db = orUnavailable(() => new DatabaseSync(path, { ...NO_WAIT, readOnly: true }));
  orUnavailable(() => db.exec(`PRAGMA cache_size = -${CACHE_KIB}`));
  const statement = orUnavailable(() => db.prepare(FACTS_SQL));
  // The types of Node.js do not say so, but `get` then returns a list.
  statement.setReturnArrays(true);

  function answer({ request: { userId, roomId, videoId }, resolve, reject }: Question): void {
    try {
      resolve(toFacts(statement.get(userId, roomId, videoId) as unknown as FactsRow));
    } catch (error) {
      reject(unavailable(error));
    }
  }

  function answerAll(questions: readonly Question[]): undefined {
    try {
      // A COMMIT that failed leaves a transaction open, whose snapshot is older than these questions.
      if (db.isTransaction) db.exec('ROLLBACK');
      if (questions.length > 1) db.exec('BEGIN');
      questions.forEach(answer);
      // A read that fails can end the transaction; those after it are answered one by one.
      if (db.isTransaction) db.exec('COMMIT');
    } catch (error) {
      throw unavailable(error);
    }
  }

  return { facts: createQuestionCollector(answerAll), close: () => db.close() };
}
