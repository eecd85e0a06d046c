import { setImmediate } from 'node:timers/promises';
import { foldText, SEARCH } from './columns.ts';
import type { Row, Session, SqlValue } from './database.ts';
import { type EntryType, LINKS, TABLES, type Values } from './entries.ts';
import { select, toEntry } from './read.ts';

/** Rows that one query looks at before other requests have their turn: SQLite blocks the event loop meanwhile. */
const WINDOW_ROWS = 20_000;
/** The same for the rows of a list, each of which is looked up. */
const WINDOW_LINKS = 2_000;

/** The column that people search in, beside the id. */
const SEARCHED: Partial<Record<EntryType, string>> = {
  user: TABLES.user.columns.name.name,
  video: TABLES.video.columns.title.name,
};

/** What a list has, and where it goes on. */
export type ListQuery = {
  /** Words that must all be found: in the name or title, or at the beginning of the id. */
  q?: string | undefined;
  /** The id of the last entry of the page before. */
  after?: string | undefined;
  limit: number;
};

/** An entry of a list; a room has neither members nor videos here. */
type Listed<T extends EntryType> = { id: string } & (T extends 'room'
  ? Pick<Values['room'], 'status'>
  : Values[T]);

export type ListPage<T extends EntryType> = { entries: Listed<T>[]; next: string | null };

/** Only entries that are linked: the videos or members of a room, or the rooms that have one of these. */
type Linked = { table: string; column: string; other: string; id: string };

/** The rooms of a user or of a video. */
export const roomsWith = (list: keyof typeof LINKS, id: string): Linked => ({
  ...LINKS[list],
  ...{ column: 'room_id', other: LINKS[list].column, id },
});

/** The users or videos of a room. */
export const entriesOf = (list: keyof typeof LINKS, roomId: string): Linked => ({
  ...LINKS[list],
  ...{ other: 'room_id', id: roomId },
});

/** Reads a page of entries, ordered by id. */
export async function listEntries<T extends EntryType>(
  session: Session,
  type: T,
  { q = '', after = '', limit }: ListQuery,
  links: readonly Linked[] = [],
): Promise<ListPage<T>> {
  const words = foldText(q).split(/\s+/u).filter(Boolean);
  const found: Row[] = [];
  let last: string | undefined = after;
  while (last !== undefined && found.length <= limit) {
    const isScan = session.isLocal && (words.length > 0 || links.length > 0);
    const end: string | undefined = isScan
      ? await windowEnd(session, type, last, links[0])
      : undefined;
    const candidates = await readWindow(session, type, { words, q, links }, last, end, limit + 1);
    found.push(...candidates.filter((row) => hasWords(type, row, words, q)));
    // A full page of candidates may have been cut before the end of the window.
    last = candidates.length > limit ? (candidates.at(-1)?.id as string) : end;
    await setImmediate();
  }
  const shown = found.slice(0, limit);
  const entries: Listed<T>[] = [];
  for (const row of shown) entries.push(await toListed(session, type, row));
  return { entries, next: found.length > limit ? (shown.at(-1)?.id as string) : null };
}

async function toListed<T extends EntryType>(
  session: Session,
  type: T,
  row: Row,
): Promise<Listed<T>> {
  const id = row.id as string;
  if (type === 'room') return { id, status: row.status } as unknown as Listed<T>;
  return { id, ...(await toEntry(session, type, row)) } as Listed<T>;
}

/** The last id of the rows that are looked at next; undefined when these are the last ones. */
async function windowEnd(
  { query, parameter: p }: Session,
  type: EntryType,
  after: string,
  link: Linked | undefined,
): Promise<string | undefined> {
  const statement = link
    ? `SELECT ${link.column} AS id FROM ${link.table} WHERE ${link.column} > ${p(1)} AND ${link.other} = ${p(2)}
       ORDER BY ${link.column} LIMIT 1 OFFSET ${WINDOW_LINKS - 1}`
    : `SELECT id FROM ${TABLES[type].name} WHERE id > ${p(1)} ORDER BY id LIMIT 1 OFFSET ${WINDOW_ROWS - 1}`;
  const [row] = await query(statement, link ? [after, link.id] : [after]);
  return row?.id as string | undefined;
}

type Conditions = { words: readonly string[]; q: string; links: readonly Linked[] };

/** Rows that may have the words: PostgreSQL and SQLite fold ASCII alone. */
async function readWindow(
  { query, parameter: p, contains, isLocal }: Session,
  type: EntryType,
  { words, q, links }: Conditions,
  after: string,
  end: string | undefined,
  limit: number,
): Promise<Row[]> {
  const values: SqlValue[] = [];
  const add = (value: SqlValue) => p(values.push(value));
  const first = add(after);
  const last = end === undefined ? undefined : add(end);
  const inWindow = (column: string) =>
    `${column} > ${first}${last === undefined ? '' : ` AND ${column} <= ${last}`}`;
  const conditions = [inWindow('id')];
  for (const { table, column, other, id } of links) {
    const linked = `SELECT ${column} FROM ${table} WHERE ${other} = ${add(id)} AND ${inWindow(column)}`;
    conditions.push(`id IN (${linked})`);
  }
  const searched = SEARCHED[type];
  if (words.length > 0) {
    const each = words.map((word) => {
      const parameter = add(word);
      const start = `lower(substr(id, 1, ${add([...word].length)})) = ${parameter}`;
      return searched ? `(${start} OR ${contains(SEARCH, parameter)})` : start;
    });
    const whole = `substr(id, 1, ${add([...q].length)}) = ${add(q)}`;
    const outdated = searched ? ` OR (${SEARCH} IS NULL AND ${searched} IS NOT NULL)` : '';
    conditions.push(`((${each.join(' AND ')}) OR ${whole}${outdated})`);
  }
  const found = `${select(type)} WHERE ${conditions.join(' AND ')}`;
  // OFFSET 0: PostgreSQL would walk the index by id, which for few matches takes several times as long as the table.
  const rows = words.length > 0 ? `SELECT * FROM (${found} OFFSET 0) AS found` : found;
  return query(`${isLocal ? found : rows} ORDER BY id LIMIT ${limit}`, values);
}

function hasWords(type: EntryType, row: Row, words: readonly string[], q: string): boolean {
  const id = row.id as string;
  const name = SEARCHED[type];
  const text = foldText(name === undefined ? '' : ((row[name] as string | null) ?? ''));
  const foldedId = foldText(id);
  return (
    id.startsWith(q) || words.every((word) => text.includes(word) || foldedId.startsWith(word))
  );
}
