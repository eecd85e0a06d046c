import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Postgrator from 'postgrator';
import { ServiceError } from '../errors.ts';
import type { Database, Query } from './database.ts';

/** The table with the applied migrations. */
export const SCHEMA_TABLE = 'schema_version';

/** Migrations named `NNN.do.expand-….sql` are compatible with older releases; others are named `contract-…`. */
const EXPANDS = /^expand\b/;

/** The driver names of Postgrator. */
const DRIVERS = { sqlite: 'sqlite3', postgres: 'pg' } as const;

/** In our scripts, statements end with a semicolon at the end of a line. */
const STATEMENT_END = /;\n+(?=.)/;

/** A statement that waits for a lock of PostgreSQL makes every later request for the table wait behind it. */
const LOCK_WAIT_MS = 200;
const LOCK_PAUSE_MS = 1_000;
/** One a second, for as long as a backup may hold its locks. Then the start fails; the orchestrator retries it. */
const LOCK_ATTEMPTS = 60;
/** SQLSTATE lock_not_available. */
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Migrates the schema in one transaction. Takes no lock if the schema is up to date, so that a service can
 * start while an import runs.
 */
export async function migrate(
  kind: keyof typeof DRIVERS,
  database: Pick<Database, 'query' | 'transaction'>,
): Promise<void> {
  const { query } = database;
  if (await isUpToDate(createPostgrator(kind, query), query)) return;
  for (let attempt = 1; ; attempt++) {
    try {
      return await migrateOnce(kind, database);
    } catch (error) {
      if (attempt === LOCK_ATTEMPTS || !isLockFailure(error)) throw error;
      await delay(LOCK_PAUSE_MS);
    }
  }
}

async function migrateOnce(
  kind: keyof typeof DRIVERS,
  { transaction }: Pick<Database, 'transaction'>,
): Promise<void> {
  await transaction(async (session) => {
    if (kind === 'postgres') await session.query(`SET LOCAL lock_timeout = ${LOCK_WAIT_MS}`);
    await createPostgrator(kind, session.query).migrate();
  });
}

function isLockFailure(error: unknown): boolean {
  const cause = error instanceof ServiceError ? error.extras.cause : undefined;
  return (cause as { code?: unknown } | undefined)?.code === LOCK_NOT_AVAILABLE;
}

function createPostgrator(kind: keyof typeof DRIVERS, query: Query): Postgrator {
  const folder = fileURLToPath(new URL(`${kind}/migrations`, import.meta.url));
  return new Postgrator({
    driver: DRIVERS[kind],
    migrationPattern: `${folder}/*.sql`,
    schemaTable: SCHEMA_TABLE,
    execQuery: async (sql) => ({ rows: await query(sql) }),
    execSqlScript: async (script) => {
      for (const statement of script.split(STATEMENT_END)) await query(statement);
    },
  });
}

/**
 * Also true for a newer schema if all newer migrations are compatible (`expand`).
 *
 * @throws {ServiceError} `dependency_unavailable` when a newer migration is not compatible
 */
async function isUpToDate(postgrator: Postgrator, query: Query): Promise<boolean> {
  const [found, known] = await Promise.all([
    postgrator.getDatabaseVersion().catch(() => 0),
    postgrator.getMaxVersion(),
  ]);
  if (found <= known) return found === known;
  const newer = await query(`SELECT name FROM ${SCHEMA_TABLE} WHERE version > ${known}`);
  if (newer.every(({ name }) => EXPANDS.test(String(name)))) return true;
  throw new ServiceError('dependency_unavailable', { reason: { code: 'NEWER_SCHEMA' } });
}
