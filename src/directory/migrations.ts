import { fileURLToPath } from 'node:url';
import Postgrator from 'postgrator';
import { ServiceError } from '../errors.ts';
import type { Database, Query } from './database.ts';

/** The table in which the schema's version is, with the name of each migration. */
export const SCHEMA_TABLE = 'schema_version';

/** A migration that an older release can run beside is called `NNN.do.expand-….sql`, any other `contract-…`. */
const EXPANDS = /^expand\b/;

/** What the migration library calls a database. */
const DRIVERS = { sqlite: 'sqlite3', postgres: 'pg' } as const;

/** In our scripts a statement ends with a semicolon at the end of a line. */
const STATEMENT_END = /;\n+(?=.)/;

/**
 * Brings the schema up to date, in one transaction. Takes no lock where there is nothing to do, so
 * that a service can start while an import runs.
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
 * Also true of a schema that is newer and has only expanded.
 *
 * @throws {ServiceError} `dependency_unavailable` when a newer schema has not only expanded
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
