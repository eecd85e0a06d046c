import { mkdtempSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { causeOf, describeCause } from '../messages/causes.ts';

/** A database for intermediate results: its `TEMP` tables grow on disk. */
export type TemporaryDatabase = {
  db: DatabaseSync;
  /** Runs `work`; an error of SQLite names the folder. */
  attempt<T>(work: () => T): T;
};

/**
 * Opens a database whose tables and sorts take at most some 50 MB of memory. SQLite creates its
 * temporary files with mode 0600 and a random name, and unlinks them at once: whatever ends the
 * process, none remains. One transaction is open, and never ends.
 *
 * @param onMemory is called with the cause when `folder` cannot be written; all is then in memory
 */
export function openTemporaryDatabase(
  folder: string,
  onMemory: (cause: string) => void,
): TemporaryDatabase {
  const cause = unwritable(folder);
  const db = new DatabaseSync(':memory:');
  if (cause === undefined) {
    db.exec(`PRAGMA temp_store_directory = ${quoted(folder)}; PRAGMA temp_store = FILE`);
  } else {
    db.exec('PRAGMA temp_store = MEMORY');
    onMemory(cause);
  }
  // A sort takes as much memory as the cache of `main`.
  db.exec(`PRAGMA main.cache_size = -16000; PRAGMA temp.cache_size = -32000;
    PRAGMA temp.journal_mode = OFF; PRAGMA temp.synchronous = OFF; BEGIN`);
  return {
    db,
    attempt(work) {
      try {
        return work();
      } catch (error) {
        const where = cause === undefined ? folder : 'the memory';
        throw new Error(`${where}: cannot be written; ${describeCause(causeOf(error))}`);
      }
    },
  };
}

/** Why nothing can be written. SQLite itself would not ask the permission model of Node.js. */
function unwritable(folder: string): string | undefined {
  try {
    rmdirSync(mkdtempSync(join(folder, 'zego-video-token-')));
    return undefined;
  } catch (error) {
    return describeCause(causeOf(error));
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
