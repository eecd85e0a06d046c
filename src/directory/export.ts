import type { Database, Session } from './database.ts';
import { pages, toEntry } from './read.ts';

/** Rooms come last, because they refer to users and videos. */
const ORDER = ['user', 'video', 'room'] as const;

/** Exports a consistent view of the directory as NDJSON. */
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

async function* linesFrom(session: Session): AsyncGenerator<string> {
  for (const type of ORDER) {
    for await (const row of pages(session, type)) {
      yield `${JSON.stringify({ type, id: row.id, ...(await toEntry(session, type, row)) })}\n`;
    }
  }
}
