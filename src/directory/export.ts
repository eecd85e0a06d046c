import type { Database, Session } from './database.ts';
import { pages, toEntry } from './read.ts';

/** Rooms come last, as they name the others. */
const ORDER = ['user', 'video', 'room'] as const;

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

async function* linesFrom(session: Session): AsyncGenerator<string> {
  for (const type of ORDER) {
    for await (const row of pages(session, type)) {
      yield `${JSON.stringify({ type, id: row.id, ...(await toEntry(session, type, row)) })}\n`;
    }
  }
}
