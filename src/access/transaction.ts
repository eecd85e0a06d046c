import { ServiceError } from '../errors.ts';
import type { Query } from './database.ts';

/**
 * Does `work` with a query that is refused once the work has ended: what is sent later would be part of
 * the next transaction of that connection.
 */
export async function withinTransaction<T>(
  query: Query,
  work: (query: Query) => Promise<T>,
): Promise<T> {
  let ended = false;
  const own: Query = async (sql, values) => {
    if (!ended) return query(sql, values);
    throw new ServiceError('dependency_unavailable', { cause: { code: 'TRANSACTION_ENDED' } });
  };
  try {
    return await work(own);
  } finally {
    ended = true;
  }
}
