import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Database } from '../directory/database.ts';
import { exportDirectory, importDirectory } from '../directory/transfer.ts';
import { createRefusedIds } from '../directory/zego-ids.ts';
import type { Output } from './terminal.ts';

const PROGRESS_LINES = 10_000;

/** Reads NDJSON from a file, or from standard input for `-`, all or nothing. */
export async function importFile(
  database: Database,
  file: string,
  { json, terminal }: Output,
): Promise<void> {
  const source = file === '-' ? process.stdin : createReadStream(file);
  const onLine = (line: number) => {
    if (line % PROGRESS_LINES === 0) terminal.progress(`${line.toLocaleString('en')} lines`);
  };
  const refused = createRefusedIds();
  const { user, video, room } = await importDirectory(database, source, onLine, refused.see);
  terminal.progress('');
  const warning = refused.summary();
  if (warning) terminal.note(`Warning: ${warning}.`);
  terminal.print(
    json
      ? JSON.stringify({ users: user, videos: video, rooms: room })
      : `Imported ${user} users, ${video} videos and ${room} rooms.`,
  );
}

/** Writes the directory as NDJSON to standard output. */
export async function exportTo(database: Database, output: NodeJS.WritableStream): Promise<void> {
  await pipeline(exportDirectory(database), output, { end: false });
}
