import { hash } from 'node:crypto';
import type pg from 'pg';
import type { AccessDirectory } from '../../access/access.ts';
import { ServiceError } from '../../errors.ts';
import { withDeadline } from '../../time.ts';
import { type FactsRow, selectFacts, toFacts } from '../facts.ts';
import { createQuestionCollector, type Question } from '../questions.ts';
import { orUnavailable } from './errors.ts';

/**
 * How long a request waits for PostgreSQL: for a connection, for the answer, and in all, should both of `pg`'s limits
 * come late. Then it is 503 `dependency_unavailable`, with `CONNECT_TIMEOUT`, `QUERY_TIMEOUT` or `DEADLINE` as the `reason`
 * in its audit line. The next request asks again; without one, `createRulesService` in `src/open-access.ts` asks every
 * 2 s until there is an answer.
 */
export const TIME_LIMITS = { connectMs: 500, queryMs: 700, totalMs: 1_500 };

/**
 * One row for each question, in their order. Each part of a row is one look-up by its index: LIMIT keeps the
 * planner from joining whole tables when it knows nothing of the number of questions. The
 * sub-selects hide how many there are, so PostgreSQL keeps one plan; for a few questions it would plan each time,
 * which costs more than the answer.
 */
const FACTS_SQL = `
SELECT q.position::int,
  ${selectFacts({ userId: 'q.user_id', roomId: 'q.room_id', videoId: 'q.video_id' })}
FROM unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::text[]))
  WITH ORDINALITY AS q (user_id, room_id, video_id, position)
LEFT JOIN LATERAL (SELECT * FROM videos WHERE id = q.video_id LIMIT 1) AS video ON true
ORDER BY q.position`;

/** Named by its text: behind a pooler another release may have used the connection. */
const FACTS_NAME = `facts_${hash('md5', FACTS_SQL)}`;

/** The facts in PostgreSQL; one query answers all questions of a batch. `onBatch` gets its size. */
export function createPostgresFacts(
  pool: Pick<pg.Pool, 'query'>,
  onBatch: (size: number) => void = () => {},
): AccessDirectory {
  const facts = createQuestionCollector(async (questions) => {
    onBatch(questions.length);
    const rows = await inTime(ask(pool, questions));
    for (const [index, { resolve }] of questions.entries()) {
      resolve(toFacts(rows[index] as FactsRow));
    }
  });
  return { facts };
}

/** The rows, each at the place of its question. */
async function ask(pool: Pick<pg.Pool, 'query'>, asked: readonly Question[]): Promise<FactsRow[]> {
  const column = (name: 'userId' | 'roomId' | 'videoId') =>
    asked.map(({ request }) => request[name]);
  const values = [column('userId'), column('roomId'), column('videoId')];
  const query = { name: FACTS_NAME, text: FACTS_SQL, values, rowMode: 'array' as const };
  const { rows } = await pool.query<unknown[]>(query);
  const inOrder = rows.every(([position], index) => position === index + 1);
  if (rows.length !== asked.length || !inOrder) throw new Error('rows do not fit their questions');
  return rows.map(([, ...row]) => row as unknown as FactsRow);
}

function inTime<T>(work: Promise<T>): Promise<T> {
  const answer = withDeadline(work, TIME_LIMITS.totalMs, () => {
    throw new ServiceError('dependency_unavailable', { reason: { code: 'DEADLINE' } });
  });
  return orUnavailable(answer);
}
