import pg from 'pg';
import type { AccessDirectory } from '../../access/access.ts';
import { ServiceError } from '../../errors.ts';
import { checkRegularFile } from '../../regular-file.ts';
import type { Database } from '../database.ts';
import { migrate } from '../migrations.ts';
import { createPostgresDatabase } from './database.ts';
import { orUnavailable } from './errors.ts';
import { createPostgresFacts, TIME_LIMITS } from './facts.ts';
import { createStatementNames, sharesConnections } from './statements.ts';

const MAX_CONNECTIONS = 10;

/** A directory in PostgreSQL. */
export type PostgresDirectory = { directory: AccessDirectory; database: Database };

export type PostgresOptions = {
  /** Do not migrate the schema. */
  readOnly?: boolean;
  /** Called when an idle connection is lost. */
  onConnectionLost?(error: Error): void;
  /** Called with the number of requests of each query. */
  onBatch?(size: number): void;
};

/**
 * Connects to PostgreSQL and migrates the schema. If several replicas start together, one migrates and the
 * others wait.
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
  const names = createStatementNames();
  const database = createPostgresDatabase(pool, url, names);
  try {
    if (await orUnavailable(sharesConnections(pool))) names.stop();
    if (!readOnly) {
      await assertUtf8(database);
      await migrate('postgres', database);
    }
  } catch (error) {
    await database.close();
    throw error;
  }
  return { directory: createPostgresFacts(pool, onBatch, names), database };
}

/**
 * In other encodings, an id that cannot be converted would fail the whole batch.
 *
 * @throws {ServiceError} `dependency_unavailable` for a database that is neither UTF-8 nor plain bytes
 */
export async function assertUtf8({ query }: Database): Promise<void> {
  const [row] = await query('SHOW server_encoding');
  if (['UTF8', 'SQL_ASCII'].includes(row?.server_encoding as string)) return;
  throw new ServiceError('dependency_unavailable', { reason: { code: 'NOT_UTF8' } });
}

/** `pg` reads these files for each connection; a pipe would block the process. */
async function checkTlsFiles(url: string): Promise<void> {
  const { searchParams } = URL.parse(url) ?? {};
  for (const name of ['sslrootcert', 'sslcert', 'sslkey']) {
    for (const path of searchParams?.getAll(name) ?? []) if (path) checkRegularFile(path);
  }
}

/** `pg` treats these modes as `verify-full`, but warns that it will weaken them in a later release. */
function withStrictTls(url: string): string {
  return url.replace(/([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/, '$1verify-full');
}
