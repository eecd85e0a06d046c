/** A value that both SQLite and PostgreSQL can hold. */
type SqlValue = string | number | null;

export type Row = Record<string, unknown>;

/**
 * Runs one statement; `$1`, `$2` … stand for the values, and `list($1)` for a table whose column `value`
 * has the texts of a JSON list. Of statements that are sent without waiting each sees what the ones before did.
 */
export type Query = (sql: string, values?: readonly SqlValue[]) => Promise<Row[]>;

/** The directory's database, for its owner: migrations, import and export, the directory API. */
export type Database = {
  /** For reading; does not see what a transaction in progress has written. */
  query: Query;
  /**
   * All of `work` or nothing of it; one transaction at a time.
   *
   * @throws {ServiceError} `dependency_unavailable` when the database does not answer or is locked
   */
  transaction<T>(work: (query: Query) => Promise<T>): Promise<T>;
  /** The directory as it is now, whatever is written meanwhile. Whoever opens it closes it. */
  snapshot(): Promise<Snapshot>;
  close(): Promise<void>;
};

export type Snapshot = Pick<Database, 'query' | 'close'>;
