import { setImmediate } from 'node:timers/promises';
import { createByteBuffer } from './bytes.ts';
import { ServiceError } from './errors.ts';
import { withDeadline } from './time.ts';

const MAX_LINE_BYTES = 16 * 1024 * 1024;
const LF = 0x0a;

/**
 * Splits a stream into lines without line ends. Buffers at most one line and one chunk.
 *
 * @param onTooLong is called with the number (from 1) of a line longer than 16 MiB, which is skipped
 */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  onTooLong: (number: number) => void,
): AsyncGenerator<Buffer[]> {
  /** The start of an incomplete line. */
  const partial = createByteBuffer();
  let number = 1;
  let isTooLong = false;
  const add = (part: Buffer) => {
    if (isTooLong) return;
    if (partial.length() + part.length <= MAX_LINE_BYTES) partial.add(part);
    else {
      isTooLong = true;
      partial.take();
      onTooLong(number);
    }
  };
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start)) {
      const part = bytes.subarray(start, end);
      // Most lines are within one chunk and need no copy.
      if (!isTooLong && partial.length() === 0 && part.length <= MAX_LINE_BYTES) lines.push(part);
      else {
        add(part);
        if (!isTooLong) lines.push(partial.take());
      }
      isTooLong = false;
      start = end + 1;
      number++;
    }
    add(bytes.subarray(start));
    yield lines;
    // Prevents a synchronous consumer from blocking the event loop.
    await setImmediate();
  }
  if (partial.length() > 0) yield [partial.take()];
}

/**
 * Forwards chunks.
 *
 * @throws {ServiceError} `request_timeout` when no chunk arrives for `idleMs`
 */
export async function* withIdleTimeout(
  chunks: AsyncIterable<Uint8Array>,
  idleMs: number,
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  for (;;) {
    const next = await withDeadline(iterator.next(), idleMs, () => {
      throw new ServiceError('request_timeout');
    });
    if (next.done) return;
    yield next.value;
  }
}
