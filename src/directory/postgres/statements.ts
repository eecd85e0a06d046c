import { hash } from 'node:crypto';
import type pg from 'pg';

/** `duplicate_prepared_statement` and `invalid_sql_statement_name`. */
const REFUSED = ['42P05', '26000'];
const ROUNDS = 3;

/** Names of statements, which PostgreSQL parses and plans once for each connection. */
export type StatementNames = {
  /** The name, a hash of the SQL, as a pooler shares connections between releases; none after {@link stop}. */
  of(text: string, prefix?: string): { name?: string };
  /** Sends statements without names from now on. */
  stop(): void;
  /** Whether an error says that names cannot be used; stops them then. */
  refused(error: unknown): boolean;
};

export function createStatementNames(): StatementNames {
  const names = new Map<string, { name: string }>();
  let isStopped = false;
  const stop = () => {
    isStopped = true;
  };
  return {
    of(text, prefix = 'directory') {
      if (isStopped) return {};
      const known = names.get(text) ?? { name: `${prefix}_${hash('md5', text)}` };
      names.set(text, known);
      return known;
    },
    stop,
    refused(error) {
      const isRefused = REFUSED.includes((error as { code?: string }).code ?? '');
      if (isRefused) stop();
      return isRefused;
    },
  };
}

/**
 * Whether a pooler gives one connection of the server to several clients, a transaction at a time, as PgBouncer does
 * with `pool_mode = transaction`. Before its release 1.21 names of statements then fail.
 */
export async function sharesConnections(pool: pg.Pool): Promise<boolean> {
  const clients = [await pool.connect()];
  let error: Error | undefined;
  try {
    clients.push(await pool.connect());
    for (let round = 0; round < ROUNDS; round++) {
      const pids: unknown[] = [];
      // One after the other, so that the second client finds the connection of the first one idle.
      for (const client of clients) {
        const { rows } = await client.query<unknown[]>({
          text: 'SELECT pg_backend_pid()',
          rowMode: 'array',
        });
        pids.push(rows[0]?.[0]);
      }
      if (pids[0] === pids[1]) return true;
    }
    return false;
  } catch (cause) {
    error = cause as Error;
    // A server, or a pooler with one connection for each client, may have none left: it does not share them.
    return false;
  } finally {
    for (const client of clients) client.release(error);
  }
}
