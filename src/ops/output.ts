import pino from 'pino';

/** Lines are buffered up to this size and time. */
const BUFFER_BYTES = 15 * 1024;
const FLUSH_MS = 100;

/** Asynchronous standard output: a slow reader does not delay requests. */
export type Output = {
  write(line: string): void;
  /** The number of bytes not yet written. */
  waitingBytes(): number;
  /** The last write failed; waiting lines will be retried. */
  failed(): boolean;
  /** Resolves to false if not everything was written within `timeoutMs`. */
  flush(timeoutMs: number): Promise<boolean>;
};

export function createOutput(): Output {
  const destination = pino.destination({
    dest: 1,
    sync: false,
    minLength: BUFFER_BYTES,
    periodicFlush: FLUSH_MS,
  });
  // The listener of pino discards all lines after the first EPIPE; a new reader may open the pipe.
  destination.removeAllListeners('error');
  let waiting = 0;
  let failed = false;
  destination.on('write', (bytes: number) => {
    waiting -= bytes;
    failed = false;
  });
  destination.on('error', () => {
    failed = true;
  });
  return {
    write(line) {
      waiting += Buffer.byteLength(line);
      destination.write(line);
    },
    waitingBytes: () => waiting,
    failed: () => failed,
    async flush(timeoutMs) {
      const late = AbortSignal.timeout(timeoutMs);
      // A flush covers only the write in progress; lines added meanwhile need another flush.
      while (waiting > 0 && !failed && !late.aborted) {
        await Promise.race([
          new Promise<void>((resolve) => destination.flush(() => resolve())),
          new Promise((resolve) => late.addEventListener('abort', resolve, { once: true })),
        ]);
      }
      return waiting <= 0;
    },
  };
}
