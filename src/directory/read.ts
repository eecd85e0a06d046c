import { fromRow, namesOf } from './columns.ts';
import type { Row, Session } from './database.ts';
import { type EntryType, LINKS, type Room, TABLES, type Values } from './entries.ts';

const PAGE_ROWS = 1_000;

/** An entry as it is kept; a room has both lists. */
type Kept = Omit<Values, 'room'> & { room: Required<Room> };

/** The entry of an id; undefined where there is none. */
export async function readEntry<T extends EntryType>(
  session: Session,
  type: T,
  id: string,
): Promise<Kept[T] | undefined> {
  const { query, parameter: p } = session;
  const [row] = await query(`${select(type)} WHERE id = ${p(1)}`, [id]);
  return row && toEntry(session, type, row);
}

/** The fields of a row; the lists of a room are read in addition. */
export async function toEntry<T extends EntryType>(
  session: Session,
  type: T,
  row: Row,
): Promise<Kept[T]> {
  const fields = fromRow(TABLES[type].columns, row);
  if (type !== 'room') return fields as Kept[T];
  const lists = {
    videoIds: await readLinks(session, 'videoIds', row.id as string),
    memberIds: await readLinks(session, 'memberIds', row.id as string),
  };
  return { ...fields, ...lists } as Kept[T];
}

/** The rows of a table in the order of their ids, a page at a time. */
export async function* pages(
  { query, parameter: p }: Session,
  type: EntryType,
): AsyncGenerator<Row> {
  let last = '';
  for (;;) {
    const page = `${select(type)} WHERE id > ${p(1)} ORDER BY id LIMIT ${PAGE_ROWS}`;
    const rows = await query(page, [last]);
    yield* rows;
    if (rows.length < PAGE_ROWS) return;
    last = rows.at(-1)?.id as string;
  }
}

function select(type: EntryType): string {
  const { name, columns } = TABLES[type];
  return `SELECT ${['id', ...namesOf(columns)].join(', ')} FROM ${name}`;
}

async function readLinks(
  { query, parameter: p }: Session,
  list: keyof typeof LINKS,
  roomId: string,
): Promise<string[]> {
  const { table, column } = LINKS[list];
  const rows = await query(
    `SELECT ${column} AS id FROM ${table} WHERE room_id = ${p(1)} ORDER BY ${column}`,
    [roomId],
  );
  return rows.map(({ id }) => id as string);
}
