import { setImmediate } from 'node:timers/promises';
import { ServiceError } from './errors.ts';
import { withDeadline } from './time.ts';

const MAX_LINE_BYTES = 16 * 1024 * 1024;
const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

/**
 * The lines of a file of any size, without their ends; holds one of them and a chunk at a time.
 *
 * @param onTooLong hears the number (from 1) of a line of more than 16 MiB, which is left out
 */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  onTooLong: (number: number) => void,
): AsyncGenerator<Buffer[]> {
  let rest = NOTHING;
  let number = 1;
  let skipping = false;
  for await (const chunk of chunks) {
    const bytes = Buffer.concat([rest, chunk]);
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start)) {
      if (!skipping) lines.push(bytes.subarray(start, end));
      skipping = false;
      start = end + 1;
      number++;
    }
    rest = skipping ? NOTHING : bytes.subarray(start);
    yield lines;
    // A consumer that never waits would keep the event loop for itself.
    await setImmediate();
    if (rest.length <= MAX_LINE_BYTES) continue;
    onTooLong(number);
    skipping = true;
    rest = NOTHING;
  }
  if (rest.length > 0) yield [rest];
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
