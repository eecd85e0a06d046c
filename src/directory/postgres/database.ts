import pg from 'pg';
import { ServiceError } from '../../errors.ts';
import { type Database, type Session, type Snapshot, withinTransaction } from '../database.ts';
import { orUnavailable } from './errors.ts';
import type { StatementNames } from './statements.ts';

const LOCK_TIMEOUT_MS = 2_500;
const IDLE_SNAPSHOT_MS = 60_000;

/** The advisory lock for changes of the directory and its schema; an arbitrary constant. */
const DIRECTORY_LOCK = 4_004;

/** The directory's database. `pool` is for reads; writers and snapshots use separate connections. */
export function createPostgresDatabase(
  pool: pg.Pool,
  url: string,
  names: StatementNames,
): Database {
  // A separate pool, so that long imports do not block requests.
  const writers = new pg.Pool({
    connectionString: url,
    max: 2,
    connectionTimeoutMillis: LOCK_TIMEOUT_MS,
    // Without pipelining, an import of a million lines would take three million round trips.
    pipeline: true,
    application_name: 'zego-video-token directory',
  });
  writers.on('error', () => {});
  return {
    ...createSession(pool, names),
    async transaction(work) {
      const client = await orUnavailable(writers.connect());
      // Without a listener, a lost connection would end the process.
      const ignore = () => {};
      client.on('error', ignore);
      try {
        const result = await inTransaction(createSession(client, names), work);
        client.off('error', ignore);
        client.release();
        return result;
      } catch (error) {
        // Closes the connection, which rolls back the transaction and releases its locks.
        client.release(true);
        throw error;
      }
    },
    snapshot: () => openSnapshot(url, names),
    async close() {
      await Promise.all([pool.end(), writers.end()]);
    },
  };
}

function createSession(client: Pick<pg.ClientBase, 'query'>, names: StatementNames): Session {
  return {
    async query(sql, values = []) {
      // A migration may be several statements, which cannot be prepared.
      const name = values.length > 0 ? names.of(sql) : {};
      const statement = { text: sql, values: [...values] };
      const result = client.query({ ...name, ...statement }).catch((error) => {
        // In a transaction all that follows fails, too; the next one is sent without names.
        if (names.refused(error) && client instanceof pg.Pool) return client.query(statement);
        throw error;
      });
      return (await orUnavailable(result)).rows;
    },
    parameter: (position) => `$${position}`,
    list: (parameter) => `json_array_elements_text(${parameter}::json) AS list(value)`,
    contains: (text, part) => `strpos(${text}, ${part}) > 0`,
    isLocal: false,
    clock: '(extract(epoch FROM clock_timestamp()) * 1000)::bigint',
    // Until the end of the transaction.
    author: {
      set: "SELECT set_config('directory.actor', $1, true), set_config('directory.request_id', $2, true)",
    },
  };
}

/** Uses its own connection, which PostgreSQL closes when the client stops reading the export. */
async function openSnapshot(url: string, names: StatementNames): Promise<Snapshot> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: LOCK_TIMEOUT_MS,
    application_name: 'zego-video-token export',
  });
  client.on('error', () => {});
  await orUnavailable(client.connect());
  const session = createSession(client, names);
  await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  await session.query(`SET LOCAL idle_in_transaction_session_timeout = ${IDLE_SNAPSHOT_MS}`);
  return { ...session, close: () => client.end() };
}

async function inTransaction<T>(session: Session, work: (session: Session) => Promise<T>) {
  const { query } = session;
  await query('BEGIN');
  // Poolers refuse such settings when a connection is opened, and share connections afterwards.
  await query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
  // A plan made while a table is empty, also of a foreign key, would scan the whole table later in an import.
  await query('SET LOCAL enable_seqscan = off');
  await query('SELECT pg_advisory_xact_lock($1)', [DIRECTORY_LOCK]);
  const result = await withinTransaction(session, work);
  await query('COMMIT');
  return result;
}

/**
 * Takes the way of a change, without one.
 *
 * @throws {ServiceError} `dependency_unavailable` on a standby or another server that takes no writes, or without the right
 */
export async function assertWritable({ transaction }: Database): Promise<void> {
  const refuse = (code: string) => {
    throw new ServiceError('dependency_unavailable', { reason: { code } });
  };
  await transaction(async ({ query }) => {
    const [mode] = await query('SHOW transaction_read_only');
    if (mode?.transaction_read_only === 'on') refuse('25006');
    const [right] = await query("SELECT has_table_privilege('rooms', 'INSERT') AS writes");
    if (right?.writes === false) refuse('42501');
  });
}
