import type { Database, Session } from './database.ts';
import { getRoom, toVideo } from './store.ts';

const PAGE_ROWS = 1_000;

/** The directory of one moment, as lines that an import reads. */
export async function* exportDirectory(
  database: Pick<Database, 'snapshot'>,
): AsyncGenerator<string> {
  const snapshot = await database.snapshot();
  try {
    yield* linesFrom(snapshot);
  } finally {
    await snapshot.close();
  }
}

/** Rooms come last, as they name the others. */
async function* linesFrom(session: Session): AsyncGenerator<string> {
  for await (const { id, status } of pages(session, 'users'))
    yield toLine({ type: 'user', id, status });
  for await (const row of pages(session, 'videos')) {
    yield toLine({ type: 'video', id: row.id, ...toVideo(row) });
  }
  for await (const { id } of pages(session, 'rooms')) {
    const room = await getRoom(session, id as string);
    if (room) yield toLine({ type: 'room', id, ...room });
  }
}

function toLine(entry: object): string {
  return `${JSON.stringify(entry)}\n`;
}

/** The rows of a table in the order of their ids, a page at a time. */
export async function* pages(
  { query, parameter: p }: Session,
  table: 'users' | 'videos' | 'rooms',
) {
  let last = '';
  for (;;) {
    const rows = await query(
      `SELECT * FROM ${table} WHERE id > ${p(1)} ORDER BY id LIMIT ${PAGE_ROWS}`,
      [last],
    );
    yield* rows;
    if (rows.length < PAGE_ROWS) return;
    last = rows.at(-1)?.id as string;
  }
}
