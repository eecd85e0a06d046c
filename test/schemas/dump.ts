import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';

/** The columns of a constraint or an index of PostgreSQL come in its own words, complete. */
const POSTGRES_OBJECTS = `
  SELECT 1 AS rank, relname AS name, 'CREATE TABLE ' || relname || E' (\\n' || (
    SELECT string_agg('  ' || attname || ' ' || format_type(atttypid, atttypmod)
      || coalesce(' DEFAULT ' || pg_get_expr(adbin, adrelid), '')
      || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END, E',\\n' ORDER BY attnum)
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
  ) || E'\\n)' AS sql
  FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
  UNION ALL
  SELECT CASE contype WHEN 'f' THEN 3 ELSE 2 END, conname,
    'ALTER TABLE ' || conrelid::regclass || ' ADD CONSTRAINT ' || conname || ' '
      || pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
  UNION ALL
  SELECT 4, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT IN (
    SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace)
  UNION ALL
  SELECT 5, proname, pg_get_functiondef(oid) FROM pg_proc
  WHERE pronamespace = 'public'::regnamespace
  UNION ALL
  SELECT 6, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
  ORDER BY rank, name`;

const SQLITE_OBJECTS = `
  SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
  ORDER BY type = 'index', type = 'trigger', rowid`;

type Row = Record<string, unknown>;

/** The schema of a database, and which migrations it has had, as statements that make it anew. */
export function dumpSqlite(path: string): string {
  const database = new DatabaseSync(path, { readOnly: true });
  const objects = database.prepare(SQLITE_OBJECTS).all() as { sql: string }[];
  const versions = database.prepare('SELECT * FROM schema_version ORDER BY version').all();
  database.close();
  return script(objects, versions);
}

/** As {@link dumpSqlite}, for PostgreSQL. */
export async function dumpPostgres(url: string): Promise<string> {
  const client = new pg.Client(url);
  await client.connect();
  const { rows: objects } = await client.query(POSTGRES_OBJECTS);
  const { rows: versions } = await client.query('SELECT * FROM schema_version ORDER BY version');
  await client.end();
  return script(objects, versions);
}

function script(objects: readonly { sql: string }[], versions: readonly Row[]): string {
  const rows = versions.map((row) => {
    const { run_at: _time, ...kept } = row;
    const values = Object.values(kept).map((value) => (value === null ? 'NULL' : `'${value}'`));
    return `INSERT INTO schema_version (${Object.keys(kept).join(', ')}) VALUES (${values.join(', ')})`;
  });
  return [...objects.map(({ sql }) => sql), ...rows].map((sql) => `${sql};\n`).join('\n');
}
