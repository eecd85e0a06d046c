import { z } from 'zod';
import { unixSecondsSchema } from '../identifiers.ts';
import type { Row, SqlValue } from './database.ts';

/** A column of a table: its name, the values that its field takes, and how they are written and read. */
export type Column<Schema extends z.ZodType = z.ZodType> = {
  name: string;
  schema: Schema;
  toSql(value: z.output<Schema>): SqlValue;
  fromSql(value: unknown): z.output<Schema>;
};

/** The columns of a table beside its `id`, each under the name of its field. */
export type Columns = Record<string, Column>;

/** What the fields of these columns hold. */
type ValuesOf<C extends Columns> = { [Field in keyof C]: z.output<C[Field]['schema']> };

/** A column that holds what its field holds. */
export function textColumn<Schema extends z.ZodType<string | null>>(
  name: string,
  schema: Schema,
): Column<Schema> {
  return { name, schema, toSql: (value) => value, fromSql: (value) => value as z.output<Schema> };
}

/** A column of Unix seconds or NULL. */
export function timeColumn(name: string) {
  const schema = unixSecondsSchema.nullable().default(null);
  return {
    name,
    schema,
    toSql: (value) => value,
    // `pg` reads big integers as text.
    fromSql: (value) => (value === null ? null : Number(value)),
  } satisfies Column<typeof schema>;
}

/** A column of texts without commas, which are separated by commas: NULL is no list, the empty text an empty list. */
export function listColumn<Item extends z.ZodType<string>>(name: string, item: Item) {
  const schema = z.array(item).nullable().default(null);
  return {
    name,
    schema,
    toSql: (value: readonly string[] | null) => (value === null ? null : value.join(',')),
    fromSql(value: unknown): string[] | null {
      if (value === null) return null;
      return value === '' ? [] : String(value).split(',');
    },
  };
}

/** The fields of these columns, as a schema of zod is made of them. */
export function shapeOf<C extends Columns>(columns: C) {
  const shape = Object.entries(columns).map(([field, { schema }]) => [field, schema]);
  return Object.fromEntries(shape) as { [Field in keyof C]: C[Field]['schema'] };
}

/** The names of the columns, as a statement lists them. */
export function namesOf(columns: Columns): string[] {
  return Object.values(columns).map(({ name }) => name);
}

/** What is written into the columns, in the order of their names. */
export function toRow(columns: Columns, values: Record<string, unknown>): SqlValue[] {
  const row: SqlValue[] = [];
  for (const field in columns) row.push((columns[field] as Column).toSql(values[field]));
  return row;
}

/** The fields of a row that has the columns. */
export function fromRow<C extends Columns>(columns: C, row: Row): ValuesOf<C> {
  const values = Object.entries(columns).map(([field, { name, fromSql }]) => [
    field,
    fromSql(row[name]),
  ]);
  return Object.fromEntries(values);
}
