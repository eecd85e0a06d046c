import { setImmediate } from 'node:timers/promises';
import { createByteBuffer } from './bytes.ts';
import { ServiceError } from './errors.ts';
import { withDeadline } from './time.ts';

const MAX_LINE_BYTES = 16 * 1024 * 1024;
const LF = 0x0a;

/**
 * The lines of a file of any size, without their ends; holds one of them and a chunk at a time.
 *
 * @param onTooLong is called with the number (from 1) of a line of more than 16 MiB, which is left out
 */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  onTooLong: (number: number) => void,
): AsyncGenerator<Buffer[]> {
  /** Of the line whose end has not come. */
  const begun = createByteBuffer();
  let number = 1;
  let isTooLong = false;
  const add = (part: Buffer) => {
    if (isTooLong) return;
    if (begun.length() + part.length <= MAX_LINE_BYTES) begun.add(part);
    else {
      isTooLong = true;
      begun.take();
      onTooLong(number);
    }
  };
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start)) {
      const part = bytes.subarray(start, end);
      // Most lines come in one chunk, and need not be copied.
      if (!isTooLong && begun.length() === 0 && part.length <= MAX_LINE_BYTES) lines.push(part);
      else {
        add(part);
        if (!isTooLong) lines.push(begun.take());
      }
      isTooLong = false;
      start = end + 1;
      number++;
    }
    add(bytes.subarray(start));
    yield lines;
    // A consumer that never waits would keep the event loop for itself.
    await setImmediate();
  }
  if (begun.length() > 0) yield [begun.take()];
}

/**
 * Passes chunks on while they come.
 *
 * @throws {ServiceError} `request_timeout` when none has come for `idleMs`
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
