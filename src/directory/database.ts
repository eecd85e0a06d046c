import { ServiceError } from '../errors.ts';

/** A value that both SQLite and PostgreSQL support. */
export type SqlValue = string | number | null;

export type Row = Record<string, unknown>;

/** Runs one statement. Statements sent without waiting run in order. */
export type Query = (sql: string, values?: readonly SqlValue[]) => Promise<Row[]>;

/** A connection to the directory's database, with its SQL dialect. */
export type Session = {
  query: Query;
  /** The parameter at a position, from 1: `$1` or `?1`. */
  parameter(position: number): string;
  /** A table expression whose column `value` has the items of the JSON array in a parameter. */
  list(parameter: string): string;
  /** A SQL condition: one text is in another, compared character by character. */
  contains(text: string, part: string): string;
  /** Queries run in this process, and block the event loop. */
  isLocal: boolean;
  /** A SQL expression for the present time in Unix milliseconds. */
  clock: string;
  /** The statement that names the author of the transaction, by actor and request id, and the one that ends it. */
  author: { set: string; clear?: string };
};

/** The directory's database, for migrations, import, export and the directory API. */
export type Database = Session & {
  /**
   * Runs `work` in a transaction; transactions run one at a time.
   *
   * @throws {ServiceError} `dependency_unavailable` when the database does not answer or is locked
   */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** Opens a consistent view of the directory. The caller closes it. */
  snapshot(): Promise<Snapshot>;
  close(): Promise<void>;
};

export type Snapshot = Session & Pick<Database, 'close'>;

/**
 * Runs `work` with a session that rejects queries after `work` has ended: they would become part of the next
 * transaction of the connection.
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

/** A session that rejects queries after `signal` is aborted. */
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
