import { hash } from 'node:crypto';
import pg from 'pg';
import { type Database, type Session, type Snapshot, withinTransaction } from '../database.ts';
import { orUnavailable } from './errors.ts';

const LOCK_TIMEOUT_MS = 2_500;
const IDLE_SNAPSHOT_MS = 60_000;

/** The advisory lock for changes of the directory and its schema; an arbitrary constant. */
const DIRECTORY_LOCK = 4_004;

/** The directory's database. `pool` is for reads; writers and snapshots use separate connections. */
export function createPostgresDatabase(pool: pg.Pool, url: string): Database {
  const prepare = createStatements();
  // A separate pool, so that long imports do not block requests.
  const writers = new pg.Pool({
    connectionString: url,
    max: 2,
    connectionTimeoutMillis: LOCK_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    // Without pipelining, an import of a million lines would take three million round trips.
    pipeline: true,
    application_name: 'zego-video-token directory',
  });
  writers.on('error', () => {});
  return {
    ...createSession(pool, prepare),
    async transaction(work) {
      const client = await orUnavailable(writers.connect());
      // Without a listener, a lost connection would end the process.
      const ignore = () => {};
      client.on('error', ignore);
      try {
        const result = await inTransaction(createSession(client, prepare), work);
        client.off('error', ignore);
        client.release();
        return result;
      } catch (error) {
        // Closes the connection, which rolls back the transaction and releases its locks.
        client.release(true);
        throw error;
      }
    },
    snapshot: () => openSnapshot(url, prepare),
    async close() {
      await Promise.all([pool.end(), writers.end()]);
    },
  };
}

function createSession(client: Pick<pg.ClientBase, 'query'>, prepare: Prepare): Session {
  return {
    async query(sql, values = []) {
      // A migration may be several statements, which cannot be prepared.
      const statement = values.length > 0 ? prepare(sql) : { text: sql };
      return (await orUnavailable(client.query({ ...statement, values: [...values] }))).rows;
    },
    parameter: (position) => `$${position}`,
    list: (parameter) => `json_array_elements_text(${parameter}::json) AS list(value)`,
    clock: '(extract(epoch FROM clock_timestamp()) * 1000)::bigint',
    // Until the end of the transaction.
    author: {
      set: "SELECT set_config('directory.actor', $1, true), set_config('directory.request_id', $2, true)",
    },
  };
}

/** Uses its own connection, which PostgreSQL closes when the client stops reading the export. */
async function openSnapshot(url: string, prepare: Prepare): Promise<Snapshot> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_SNAPSHOT_MS,
    application_name: 'zego-video-token export',
  });
  client.on('error', () => {});
  await orUnavailable(client.connect());
  const session = createSession(client, prepare);
  await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  return { ...session, close: () => client.end() };
}

type Statement = { name: string; text: string };
type Prepare = (sql: string) => Statement;

/** Named statements are parsed and planned once per connection. */
function createStatements(): Prepare {
  const statements = new Map<string, Statement>();
  return (text) => {
    const known = statements.get(text);
    if (known) return known;
    // The name is a hash of the SQL, because a pooler shares connections between replicas.
    const statement = { name: `directory_${hash('md5', text)}`, text };
    statements.set(text, statement);
    return statement;
  };
}

async function inTransaction<T>(session: Session, work: (session: Session) => Promise<T>) {
  const { query } = session;
  await query('BEGIN');
  // A plan made while a table is empty, also of a foreign key, would scan the whole table later in an import.
  await query('SET LOCAL enable_seqscan = off');
  await query('SELECT pg_advisory_xact_lock($1)', [DIRECTORY_LOCK]);
  const result = await withinTransaction(session, work);
  await query('COMMIT');
  return result;
}
