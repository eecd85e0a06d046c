import { mkdtempSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { causeOf, describeCause } from '../messages/causes.ts';

/** A database for intermediate results, whose `TEMP` tables are on disk. */
export type TemporaryDatabase = {
  db: DatabaseSync;
  /** Runs `work`; errors name the folder. */
  attempt<T>(work: () => T): T;
};

/**
 * Opens a database that uses about 50 MB of memory. SQLite creates its temporary files with mode 0600 and a random
 * name, and unlinks them immediately, so that none remains after a crash. One transaction stays open.
 *
 * @param onMemory called with the cause when `folder` is not writable and the data stays in memory
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
  // A sort uses as much memory as the cache of `main`.
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

/** Why a folder is not writable. SQLite ignores the permission model of Node.js. */
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
