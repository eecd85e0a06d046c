import { ServiceError } from '../errors.ts';

/** A value that both SQLite and PostgreSQL can hold. */
export type SqlValue = string | number | null;

export type Row = Record<string, unknown>;

/** Runs one statement; of statements sent without waiting each sees what the ones before did. */
export type Query = (sql: string, values?: readonly SqlValue[]) => Promise<Row[]>;

/** A connection to the directory's database, and how its SQL is written. */
export type Session = {
  query: Query;
  /** The parameter at a position, from 1: `$1` or `?1`. */
  parameter(position: number): string;
  /** A table whose column `value` has the texts of the JSON list in a parameter. */
  list(parameter: string): string;
};

/** The directory's database, for its owner: migrations, import and export, the directory API. */
export type Database = Session & {
  /**
   * All of `work` or nothing of it; one transaction at a time.
   *
   * @throws {ServiceError} `dependency_unavailable` when the database does not answer or is locked
   */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** The directory as it is now, whatever is written meanwhile. The caller closes it. */
  snapshot(): Promise<Snapshot>;
  close(): Promise<void>;
};

export type Snapshot = Session & Pick<Database, 'close'>;

/**
 * Does `work` with a session that is refused once the work has ended: what is sent later would be part of
 * the next transaction of that connection.
 */
export async function withinTransaction<T>(
  session: Session,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  let ended = false;
  const query: Query = async (sql, values) => {
    if (!ended) return session.query(sql, values);
    throw new ServiceError('dependency_unavailable', { reason: { code: 'TRANSACTION_ENDED' } });
  };
  try {
    return await work({ ...session, query });
  } finally {
    ended = true;
  }
}

/** A session that is refused with the reason of `signal` once that is aborted. */
export function untilAborted(session: Session, signal?: AbortSignal): Session {
  if (!signal) return session;
  return {
    ...session,
    async query(sql, values) {
      signal.throwIfAborted();
      return session.query(sql, values);
    },
  };
}
