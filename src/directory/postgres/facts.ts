import type pg from 'pg';
import type { AccessDirectory } from '../../access/access.ts';
import { ServiceError } from '../../errors.ts';
import { withDeadline } from '../../time.ts';
import { type FactsRow, selectFacts, toFacts } from '../facts.ts';
import { createQuestionCollector, type PendingRequest } from '../questions.ts';
import { orUnavailable } from './errors.ts';
import { createStatementNames, type StatementNames } from './statements.ts';

/**
 * Timeouts for PostgreSQL: connection, query, and total in case both timeouts of `pg` fire late. A request that times
 * out gets 503 `dependency_unavailable`, with `CONNECT_TIMEOUT`, `QUERY_TIMEOUT` or `DEADLINE` as the `reason` in its
 * audit line. The next request queries again; without requests, `createRulesService` in `src/open-access.ts` probes
 * every 2 s.
 */
export const TIME_LIMITS = { connectMs: 500, queryMs: 700, totalMs: 1_500 };

/**
 * One row for each question, in order, by index lookups. LIMIT keeps the planner from joining whole tables, because
 * it does not know the number of questions. The sub-selects hide that number, so that PostgreSQL uses a generic plan;
 * planning each query would cost more than running it.
 */
const FACTS_SQL = `
SELECT q.position::int,
  ${selectFacts({ userId: 'q.user_id', roomId: 'q.room_id', videoId: 'q.video_id' })}
FROM unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::text[]))
  WITH ORDINALITY AS q (user_id, room_id, video_id, position)
LEFT JOIN LATERAL (SELECT * FROM videos WHERE id = q.video_id LIMIT 1) AS video ON true
ORDER BY q.position`;

/** Facts from PostgreSQL, with one query per batch. `onBatch` is called with the batch size. */
export function createPostgresFacts(
  pool: Pick<pg.Pool, 'query'>,
  onBatch: (size: number) => void = () => {},
  names: StatementNames = createStatementNames(),
): AccessDirectory {
  const facts = createQuestionCollector(async (questions) => {
    onBatch(questions.length);
    const rows = await inTime(ask(pool, questions, names));
    for (const [index, { resolve }] of questions.entries()) {
      resolve(toFacts(rows[index] as FactsRow));
    }
  });
  return { facts };
}

/** Queries one row for each question, in order. */
async function ask(
  pool: Pick<pg.Pool, 'query'>,
  questions: readonly PendingRequest[],
  names: StatementNames,
): Promise<FactsRow[]> {
  const column = (name: 'userId' | 'roomId' | 'videoId') =>
    questions.map(({ request }) => request[name]);
  const values = [column('userId'), column('roomId'), column('videoId')];
  const query = { text: FACTS_SQL, values, rowMode: 'array' as const };
  const { rows } = await pool
    .query<unknown[]>({ ...names.of(FACTS_SQL, 'facts'), ...query })
    .catch((error) => {
      if (names.refused(error)) return pool.query<unknown[]>(query);
      throw error;
    });
  const inOrder = rows.every(([position], index) => position === index + 1);
  if (rows.length !== questions.length || !inOrder)
    throw new Error('rows do not match the questions');
  return rows.map(([, ...row]) => row as unknown as FactsRow);
}

function inTime<T>(work: Promise<T>): Promise<T> {
  const answer = withDeadline(work, TIME_LIMITS.totalMs, () => {
    throw new ServiceError('dependency_unavailable', { reason: { code: 'DEADLINE' } });
  });
  return orUnavailable(answer);
}
