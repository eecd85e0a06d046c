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
  /** Writes the last lines of the log. */
  flush(): void;
};

/**
 * SIGTERM drains and exits 0, SIGINT does so without the delay, an uncaught exception exits 1.
 * Signals that come again change nothing: orchestrators and terminals like to send two.
 */
export function installShutdown(options: ShutdownOptions): void {
  const { logger, delayMs, timeoutMs, onDrain, close, flush } = options;
  let exitCode = 0;
  const grace = closeWithGrace(
    {
      delay: timeoutMs,
      logger: false,
      skip: ['SIGTERM', 'SIGINT', 'SIGHUP', 'beforeExit'],
      // To be told to stop in the middle of something long is no failure of ours.
      onTimeout() {
        logger.warn({ timeoutMs }, 'shutdown timed out');
        flush();
        process.exit(exitCode);
      },
    },
    async ({ err }) => {
      if (err) {
        exitCode = 1;
        logger.fatal({ err }, 'uncaught exception');
      }
      onDrain();
      await close();
      logger.info('stopped');
      flush();
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
