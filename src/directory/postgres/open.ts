import pg from 'pg';
import type { AccessDirectory } from '../../access/access.ts';
import { ServiceError } from '../../errors.ts';
import { checkRegularFile } from '../../regular-file.ts';
import type { Database } from '../database.ts';
import { migrate } from '../migrations.ts';
import { createPostgresDatabase } from './database.ts';
import { orUnavailable } from './errors.ts';
import { createPostgresFacts, TIME_LIMITS } from './facts.ts';

const MAX_CONNECTIONS = 10;

/** A directory in PostgreSQL. */
export type PostgresDirectory = { directory: AccessDirectory; database: Database };

export type PostgresOptions = {
  /** The schema is left as it is. */
  readOnly?: boolean;
  /** A connection broke while no request waited for it. */
  onConnectionLost?(error: Error): void;
  /** How many requests one query answers. */
  onBatch?(size: number): void;
};

/**
 * Connects to PostgreSQL and brings the schema up to date; of several replicas that start at once one
 * does it and the others wait.
 *
 * @throws {ServiceError} `dependency_unavailable`
 */
export async function openPostgres(
  address: string,
  { readOnly = false, onConnectionLost = () => {}, onBatch }: PostgresOptions = {},
): Promise<PostgresDirectory> {
  const url = withStrictTls(address);
  await orUnavailable(checkTlsFiles(url));
  const pool = new pg.Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: TIME_LIMITS.connectMs,
    query_timeout: TIME_LIMITS.queryMs,
    application_name: 'zego-video-token',
  });
  pool.on('error', onConnectionLost);
  const database = createPostgresDatabase(pool, url);
  try {
    if (!readOnly) {
      await refuseEncoding(database);
      await migrate('postgres', database);
    }
  } catch (error) {
    await database.close();
    throw error;
  }
  return { directory: createPostgresFacts(pool, onBatch), database };
}

/**
 * In other encodings, one id that cannot be converted fails every request of its batch.
 *
 * @throws {ServiceError} `dependency_unavailable` for a database that is neither UTF-8 nor plain bytes
 */
export async function refuseEncoding({ query }: Database): Promise<void> {
  const [row] = await query('SHOW server_encoding');
  if (['UTF8', 'SQL_ASCII'].includes(row?.server_encoding as string)) return;
  throw new ServiceError('dependency_unavailable', { reason: { code: 'NOT_UTF8' } });
}

/** `pg` reads them with every connection, and would wait for a pipe for ever. */
async function checkTlsFiles(url: string): Promise<void> {
  const { searchParams } = URL.parse(url) ?? {};
  for (const name of ['sslrootcert', 'sslcert', 'sslkey']) {
    for (const path of searchParams?.getAll(name) ?? []) if (path) checkRegularFile(path);
  }
}

/** `pg` takes these modes for `verify-full`, warns that it will not always do so, and means to be weaker then. */
function withStrictTls(url: string): string {
  return url.replace(/([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/, '$1verify-full');
}
