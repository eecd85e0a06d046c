import { setImmediate } from 'node:timers/promises';

const MAX_LINE_BYTES = 16 * 1024 * 1024;
const LF = 0x0a;

/** A line that is longer than any that makes sense. */
export class LineTooLongError extends Error {
  override readonly name = 'LineTooLongError';
  /** From 1. */
  readonly line: number;

  constructor(line: number) {
    super('is longer than 16 MiB');
    this.line = line;
  }
}

/**
 * The lines of a file of any size, without their ends; holds one of them and a chunk at a time.
 *
 * @throws {LineTooLongError}
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer[]> {
  let rest = Buffer.alloc(0);
  let number = 1;
  for await (const chunk of chunks) {
    const bytes = Buffer.concat([rest, chunk]);
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start)) {
      lines.push(bytes.subarray(start, end));
      start = end + 1;
    }
    rest = bytes.subarray(start);
    number += lines.length;
    yield lines;
    // Whoever handles lines without waiting lets others have their turn here.
    await setImmediate();
    if (rest.length > MAX_LINE_BYTES) throw new LineTooLongError(number);
  }
  if (rest.length > 0) yield [rest];
}
