import { hash } from 'node:crypto';
import pg from 'pg';
import { ServiceError } from '../../errors.ts';
import type { AccessDirectory } from '../../access/access.ts';
import type { Database, Query, Snapshot } from '../database.ts';
import { FACTS_SQL, type FactsRow, toFacts } from '../facts.ts';
import { migrate } from '../migrate.ts';
import { withinTransaction } from '../transaction.ts';

const CONNECT_TIMEOUT_MS = 500;
const QUERY_TIMEOUT_MS = 700;
const DEADLINE_MS = 1_500;
const MAX_CONNECTIONS = 10;

const LOCK_TIMEOUT_MS = 2_500;
const IDLE_SNAPSHOT_MS = 60_000;

/** Any constant: whoever changes the directory or its schema holds the advisory lock of this number. */
const DIRECTORY_LOCK = 4_004;

/** A directory in PostgreSQL. */
export type PostgresDirectory = { directory: AccessDirectory; database: Database };

/**
 * Connects to PostgreSQL and brings the schema up to date; of several replicas that start at once one
 * does it and the others wait.
 *
 * @param onError hears of connections that break while they are idle
 * @throws {ServiceError} `dependency_unavailable`
 */
export async function openPostgres(
  url: string,
  onError: (error: Error) => void,
): Promise<PostgresDirectory> {
  const pool = new pg.Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    application_name: 'zego-video-token',
  });
  pool.on('error', onError);
  const database = createDatabase(pool, url);
  await migrate('postgres', database).catch(async (error) => {
    await database.close();
    throw error;
  });
  return { directory: createDirectory(pool), database };
}

function createDirectory(pool: pg.Pool): AccessDirectory {
  return {
    async facts({ userId, roomId, videoId }) {
      const values = [userId, roomId, videoId];
      const work = pool.query<FactsRow>({ name: 'facts', text: FACTS_SQL, values });
      const { rows } = await withDeadline(work);
      return toFacts(rows[0] as FactsRow);
    },
  };
}

function createDatabase(pool: pg.Pool, url: string): Database {
  const prepare = createStatements();
  // Owners' work may take its time and must not take the connections of the requests.
  const writers = new pg.Pool({
    connectionString: url,
    max: 2,
    connectionTimeoutMillis: LOCK_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    // An import of a million lines would wait for three million answers, one after the other.
    pipeline: true,
    application_name: 'zego-video-token directory',
  });
  writers.on('error', () => {});
  return {
    query: createQuery(pool, prepare),
    async transaction(work) {
      const client = await guard(writers.connect());
      // While it is out of the pool nobody else hears of a connection that breaks: the process would end.
      const ignore = () => {};
      client.on('error', ignore);
      try {
        const result = await inTransaction(createQuery(client, prepare), work);
        client.off('error', ignore);
        client.release();
        return result;
      } catch (error) {
        // The connection is closed, and with it whatever the transaction still holds.
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

function createQuery(client: Pick<pg.ClientBase, 'query'>, prepare: Prepare): Query {
  return async (sql, values = []) => {
    // A migration may be several statements, which cannot be prepared.
    const statement = values.length > 0 ? prepare(sql) : { text: sql };
    return (await guard(client.query({ ...statement, values: [...values] }))).rows;
  };
}

/** On a connection of its own, which PostgreSQL ends when the reader of an export has gone to sleep. */
async function openSnapshot(url: string, prepare: Prepare): Promise<Snapshot> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_SNAPSHOT_MS,
    application_name: 'zego-video-token export',
  });
  client.on('error', () => {});
  await guard(client.connect());
  const query = createQuery(client, prepare);
  await query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  return { query, close: () => client.end() };
}

type Statement = { name: string; text: string };
type Prepare = (sql: string) => Statement;

/** PostgreSQL parses and plans a statement that has a name once for each connection. */
function createStatements(): Prepare {
  const statements = new Map<string, Statement>();
  return (sql) => {
    const known = statements.get(sql);
    if (known) return known;
    const text = sql.replaceAll(
      /list\((\$\d)\)/g,
      'json_array_elements_text($1::json) AS list(value)',
    );
    // Of its text: behind a pooler the connection may be one that another replica has used.
    const statement = { name: `directory_${hash('md5', text)}`, text };
    statements.set(sql, statement);
    return statement;
  };
}

async function inTransaction<T>(query: Query, work: (query: Query) => Promise<T>) {
  await query('BEGIN');
  // Plans that are made while a table is empty, of foreign keys too, would read all of it later in an import.
  await query('SET LOCAL enable_seqscan = off');
  await query('SELECT pg_advisory_xact_lock($1)', [DIRECTORY_LOCK]);
  const result = await withinTransaction(query, work);
  await query('COMMIT');
  return result;
}

async function withDeadline<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('deadline')), DEADLINE_MS);
  return guard(Promise.race([work, late.promise])).finally(() => clearTimeout(timer));
}

async function guard<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new ServiceError('dependency_unavailable', { cause });
  }
}
