import { fileURLToPath } from 'node:url';
import Postgrator from 'postgrator';
import type { Database, Query } from './database.ts';

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
  if (await isUpToDate(createPostgrator(kind, query))) return;
  await transaction(async (session) => {
    await createPostgrator(kind, session.query).migrate();
  });
}

function createPostgrator(kind: keyof typeof DRIVERS, query: Query): Postgrator {
  const folder = fileURLToPath(new URL(`${kind}/migrations`, import.meta.url));
  return new Postgrator({
    driver: DRIVERS[kind],
    migrationPattern: `${folder}/*.sql`,
    schemaTable: 'schema_version',
    execQuery: async (sql) => ({ rows: await query(sql) }),
    execSqlScript: async (script) => {
      for (const statement of script.split(STATEMENT_END)) await query(statement);
    },
  });
}

async function isUpToDate(postgrator: Postgrator): Promise<boolean> {
  try {
    return (await postgrator.getDatabaseVersion()) === (await postgrator.getMaxVersion());
  } catch {
    return false;
  }
}
