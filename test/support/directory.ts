import type { Database } from '../../src/directory/database.ts';
import { cliAuthor, createStore, type ImportCounts } from '../../src/directory/store.ts';
import { importDirectory } from '../../src/directory/transfer.ts';

/** Bytes as a stream gives them, in the pieces that a test chose. */
export async function* chunks(...pieces: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece);
}

/** Imports entries, a line each. */
export function load(database: Database, entries: readonly object[]): Promise<ImportCounts> {
  return importDirectory(
    createStore(database),
    chunks(entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')),
    { author: cliAuthor('test'), allowEmpty: true },
  );
}
