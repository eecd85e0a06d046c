import pino from 'pino';

/** Several lines to a write, none later than this. */
const BUFFER_BYTES = 4_096;
const FLUSH_MS = 100;

/** Standard output, written in the background: a line that waits for a slow reader delays no request. */
export type Output = {
  write(line: string): void;
  /** What has not been taken yet, in bytes. */
  waitingBytes(): number;
  /** The last write failed; what waits is written again. */
  failed(): boolean;
  /** False when not everything was taken within the milliseconds. */
  flush(timeoutMs: number): Promise<boolean>;
};

export function createOutput(): Output {
  const destination = pino.destination({
    dest: 1,
    sync: false,
    minLength: BUFFER_BYTES,
    periodicFlush: FLUSH_MS,
  });
  // pino's own listener discards every line after the first EPIPE; a reader may come back.
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
      // A flush ends with the write in progress; shorter lines that came meanwhile need another one.
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
