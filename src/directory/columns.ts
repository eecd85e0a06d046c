import { z } from 'zod';
import { unixSecondsSchema } from '../identifiers.ts';
import type { Row, SqlValue } from './database.ts';

/** A column: its name, the schema of its field, and the conversions to and from SQL. */
export type Column<Schema extends z.ZodType = z.ZodType> = {
  name: string;
  schema: Schema;
  toSql(value: z.output<Schema>): SqlValue;
  fromSql(value: unknown): z.output<Schema>;
  /** People search in it: a column of its own has the text to compare with ({@link SEARCH}). */
  isSearched?: true;
};

/** The column with the text that is compared with what people search for. */
export const SEARCH = 'search';

/**
 * A text as it is compared: without case and without compatibility forms, such as full-width letters (UAX #15). İ, ı
 * and i are equal, and so are ß and ss, ς and σ: their case depends on the language or on the place in a word.
 */
export function foldText(text: string): string {
  return text
    .normalize('NFKC')
    .toUpperCase()
    .toLowerCase()
    .replaceAll('ς', 'σ')
    .replaceAll('i\u0307', 'i')
    .normalize('NFKC');
}

/** The columns of a table except `id`, by field name. */
export type Columns = Record<string, Column>;

/** The field values of these columns. */
type ValuesOf<C extends Columns> = { [Field in keyof C]: z.output<C[Field]['schema']> };

/** A text column without conversion. */
export function textColumn<Schema extends z.ZodType<string | null>>(
  name: string,
  schema: Schema,
): Column<Schema> {
  return { name, schema, toSql: (value) => value, fromSql: (value) => value as z.output<Schema> };
}

/** A column of Unix seconds or NULL. */
export function timeColumn(name: string) {
  const schema = unixSecondsSchema.nullable();
  return {
    name,
    schema,
    toSql: (value) => value,
    // `pg` reads big integers as text.
    fromSql: (value) => (value === null ? null : Number(value)),
  } satisfies Column<typeof schema>;
}

/** A column of comma-separated items without commas: NULL is null, the empty string an empty list. */
export function listColumn<Item extends z.ZodType<string>>(name: string, item: Item) {
  const schema = z.array(item).nullable();
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

/** The shape of a zod object schema for these columns. */
export function shapeOf<C extends Columns>(columns: C) {
  const shape = Object.entries(columns).map(([field, { schema }]) => [field, schema]);
  return Object.fromEntries(shape) as { [Field in keyof C]: C[Field]['schema'] };
}

/** The column names, for SQL statements. */
export function namesOf(columns: Columns): string[] {
  return Object.values(columns).map(({ name }) => name);
}

/** The columns whose fields are given: a field that is left out stays as it is. */
function givenColumns(columns: Columns, values: Record<string, unknown>): Column[] {
  const given: Column[] = [];
  for (const field in columns)
    if (values[field] !== undefined) given.push(columns[field] as Column);
  return given;
}

/** The names of the columns that {@link toRow} has values for. */
export function givenNames(columns: Columns, values: Record<string, unknown>): string[] {
  return givenColumns(columns, values).flatMap(({ name, isSearched }) =>
    isSearched ? [name, SEARCH] : [name],
  );
}

/** A text that says which fields are given; made for each line of an import. */
export function givenFields(columns: Columns, values: Record<string, unknown>): string {
  let text = '';
  for (const field in columns) if (values[field] !== undefined) text += ` ${field}`;
  return text;
}

/** The SQL values of the fields that are given, in the order of {@link givenNames}. */
export function toRow(columns: Columns, values: Record<string, unknown>): SqlValue[] {
  const row: SqlValue[] = [];
  for (const field in columns) {
    const value = values[field];
    if (value === undefined) continue;
    const { toSql, isSearched } = columns[field] as Column;
    row.push(toSql(value));
    if (isSearched) row.push(value === null ? null : foldText(String(value)));
  }
  return row;
}

/** Converts a row to field values. */
export function fromRow<C extends Columns>(columns: C, row: Row): ValuesOf<C> {
  const values = Object.entries(columns).map(([field, { name, fromSql }]) => [
    field,
    fromSql(row[name]),
  ]);
  return Object.fromEntries(values);
}
