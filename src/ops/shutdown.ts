import { setTimeout as delay } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';

export type ShutdownOptions = {
  logger: Logger;
  /** How long to keep serving after SIGTERM, so that the load balancer can remove the replica. */
  delayMs: number;
  /** Timeout for closing. */
  timeoutMs: number;
  /** Called when the service stops being ready. */
  onDrain(): void;
  /** Stops accepting connections, finishes requests in flight, and closes all resources. */
  close(): Promise<void>;
  /** Writes the remaining log lines; resolves to false on timeout. */
  flush(timeoutMs: number): Promise<boolean>;
};

const FLUSH_MS = 500;

/**
 * SIGTERM drains and exits 0, SIGINT skips the delay, an uncaught exception exits 1. Repeated signals are
 * ignored, because orchestrators and terminals often send two.
 */
export function installShutdown(options: ShutdownOptions): void {
  const { logger, delayMs, timeoutMs, onDrain, close, flush } = options;
  let exitCode = 0;
  async function end(code: number): Promise<never> {
    if (await flush(FLUSH_MS)) process.exit(code);
    // process.exit would wait for a thread blocked in write(1).
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
      // Exit 0 even after a timeout: a long request is not a failure.
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
