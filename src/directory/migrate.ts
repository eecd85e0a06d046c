import { fileURLToPath } from 'node:url';
import Postgrator from 'postgrator';
import type { Database, Query } from './database.ts';

/** A dialect, by its folder and by the name that the migration library has for it. */
const DIALECTS = { sqlite: 'sqlite3', postgres: 'pg' } as const;

/** In our scripts a statement ends with a semicolon at the end of a line. */
const STATEMENT_END = /;\n+(?=.)/;

export type Dialect = keyof typeof DIALECTS;

/**
 * Brings the schema up to date, in one transaction. Takes no lock where there is nothing to do, so
 * that a service can start while an import runs.
 */
export async function migrate(
  dialect: Dialect,
  { query, transaction }: Pick<Database, 'query' | 'transaction'>,
): Promise<void> {
  if (await isUpToDate(createPostgrator(dialect, query))) return;
  await transaction(async (locked) => {
    await createPostgrator(dialect, locked).migrate();
  });
}

function createPostgrator(dialect: Dialect, query: Query): Postgrator {
  const folder = fileURLToPath(new URL(`migrations/${dialect}`, import.meta.url));
  return new Postgrator({
    driver: DIALECTS[dialect],
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
