import { unwatchFile, watchFile } from 'node:fs';
import type { Logger } from 'pino';

const POLL_MS = 2_000;

export type ReloadOptions = {
  logger: Logger;
  /** Reads the configuration anew and takes it over; throws when it cannot. */
  reload(): Promise<void>;
  /** The files that the configuration came from, after each reading. */
  files(): readonly string[];
};

/**
 * Reloads on SIGHUP and when a file has changed. Polls, as mounted secrets are swapped by links that
 * notifications miss. When a reload fails, the current configuration stays and the error is logged.
 */
export function installReload({ logger, reload, files }: ReloadOptions): () => void {
  let watched: readonly string[] = [];
  let last: Promise<void> = Promise.resolve();

  const run = (trigger: string) => {
    last = last.then(async () => {
      try {
        await reload();
        logger.info({ trigger }, 'secrets and keys reloaded');
      } catch (error) {
        logger.error(
          { trigger, problem: (error as Error).message },
          'reload failed; current secrets and keys stay',
        );
      }
      watch();
    });
  };
  const onChange = () => run('file');
  const onSignal = () => run('SIGHUP');

  /** A file that is watched anew reports at once when it is missing, and that would reload without end. */
  function watch(): void {
    const next = [...files()];
    for (const file of next) {
      if (watched.includes(file)) continue;
      watchFile(file, { interval: POLL_MS, persistent: false }, onChange);
    }
    stopWatching(watched.filter((file) => !next.includes(file)));
    watched = next;
  }
  function stopWatching(paths: readonly string[]): void {
    for (const file of paths) unwatchFile(file, onChange);
  }

  watch();
  process.on('SIGHUP', onSignal);
  return () => {
    stopWatching(watched);
    process.off('SIGHUP', onSignal);
  };
}
