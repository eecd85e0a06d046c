import { createReadStream, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { causeOf, describeCause } from '../messages/causes.ts';

const CHUNK_BYTES = 1 << 20;

/**
 * Reads the bytes of a file, or of standard input for `-`.
 *
 * @throws {Error} that names the file and the cause
 */
export async function* readInput(file: string): AsyncGenerator<Uint8Array> {
  const input =
    file === '-' ? process.stdin : createReadStream(file, { highWaterMark: CHUNK_BYTES });
  try {
    yield* input;
  } catch (error) {
    throw unreadableFile(file, error);
  }
}

/** Reads the text of a small file, or of standard input for `-`. */
export async function readText(file: string): Promise<string> {
  try {
    return file === '-' ? await text(process.stdin) : readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadableFile(file, error);
  }
}

export function unreadableFile(file: string, error: unknown): Error {
  return new Error(`${file}: cannot be read; ${describeCause(causeOf(error))}`);
}
