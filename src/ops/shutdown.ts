import { setTimeout as delay } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';

export type ShutdownOptions = {
  logger: Logger;
  /** How long to go on serving after SIGTERM, so that the load balancer notices. */
  delayMs: number;
  /** How long the rest may take. */
  timeoutMs: number;
  /** From here on the service is not ready. */
  onDrain(): void;
  /** Stops accepting, finishes what is in flight, and closes everything. */
  close(): Promise<void>;
  /** Writes the last lines of the log; false when they are not taken. */
  flush(timeoutMs: number): Promise<boolean>;
};

const FLUSH_MS = 500;

/**
 * SIGTERM drains and exits 0, SIGINT does so without the delay, an uncaught exception exits 1.
 * Signals that come again change nothing: orchestrators and terminals like to send two.
 */
export function installShutdown(options: ShutdownOptions): void {
  const { logger, delayMs, timeoutMs, onDrain, close, flush } = options;
  let exitCode = 0;
  async function end(code: number): Promise<never> {
    if (await flush(FLUSH_MS)) process.exit(code);
    // process.exit would wait for the thread that is blocked in write(1).
    process.kill(process.pid, 'SIGKILL');
    return new Promise(() => {});
  }
  const closed = () =>
    close()
      .catch((err) => logger.error({ err }, 'close failed'))
      .then(() => true);
  const grace = closeWithGrace(
    { delay: false, logger: false, skip: ['SIGTERM', 'SIGINT', 'SIGHUP', 'beforeExit'] },
    async ({ err }) => {
      if (err) {
        exitCode = 1;
        logger.fatal({ err }, 'uncaught exception');
      }
      onDrain();
      const inTime = await Promise.race([closed(), delay(timeoutMs, false)]);
      // A signal in the middle of a long request is no failure.
      if (inTime) logger.info('stopped');
      else logger.warn({ timeoutMs }, 'shutdown timed out');
      await end(exitCode);
    },
  );
  let draining = false;
  const drain = (signal: NodeJS.Signals) => {
    if (draining) return;
    draining = true;
    onDrain();
    const waitMs = signal === 'SIGTERM' ? delayMs : 0;
    logger.info({ signal, waitMs }, 'draining');
    setTimeout(grace.close, waitMs);
  };
  process.on('SIGTERM', drain);
  process.on('SIGINT', drain);
}
