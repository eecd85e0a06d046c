import { fromRow, namesOf } from './columns.ts';
import type { Row, Session } from './database.ts';
import { type EntryType, LINKS, TABLES, type Values } from './entries.ts';
import { joinLicences, otherLicences } from './licences.ts';

const PAGE_ROWS = 1_000;

/** Reads an entry; undefined if it does not exist. */
export async function readEntry<T extends EntryType>(
  session: Session,
  type: T,
  id: string,
): Promise<Values[T] | undefined> {
  const { query, parameter: p } = session;
  const [row] = await query(`${select(type)} WHERE id = ${p(1)}`, [id]);
  return row && toEntry(session, type, row);
}

/** Converts a row to an entry; reads the lists of a room. */
export async function toEntry<T extends EntryType>(
  session: Session,
  type: T,
  row: Row,
): Promise<Values[T]> {
  if (type === 'video') {
    const video = fromRow(TABLES.video.columns, row);
    return joinLicences(video, row.licences as string | null) as Values[T];
  }
  const fields = fromRow(TABLES[type].columns, row);
  if (type === 'user') return withoutNull(fields as Values['user']) as Values[T];
  const lists = {
    videoIds: await readLinks(session, 'videoIds', row.id as string),
    memberIds: await readLinks(session, 'memberIds', row.id as string),
  };
  const { publish, ...others } = fields as Values['room'];
  const hostIds = await readLinks(session, 'hostIds', row.id as string);
  return {
    ...{ ...others, ...lists },
    ...(publish !== 'members' && { publish }),
    ...(hostIds.length > 0 && { hostIds }),
  } as Values[T];
}

function withoutNull({ name, ...fields }: Values['user']): Values['user'] {
  return name == null ? fields : { ...fields, name };
}

/** Reads the rows of a table in pages, ordered by id. */
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

/** The columns of an entry, from its table. */
export function select(type: EntryType): string {
  const { name, columns } = TABLES[type];
  const licences = type === 'video' ? [`${otherLicences('videos.id')} AS licences`] : [];
  return `SELECT ${['id', ...namesOf(columns), ...licences].join(', ')} FROM ${name}`;
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
