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

/**
 * Migrates the schema in one transaction. Takes no lock if the schema is up to date, so that a service can
 * start while an import runs.
 */
export async function migrate(
  kind: keyof typeof DRIVERS,
  { query, transaction }: Pick<Database, 'query' | 'transaction'>,
): Promise<void> {
  if (await isUpToDate(createPostgrator(kind, query), query)) return;
  await transaction(async (session) => {
    await createPostgrator(kind, session.query).migrate();
  });
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
