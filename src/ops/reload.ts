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
 * notifications miss. What cannot be taken over changes nothing, and is said.
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
          'reload failed; the old ones stay',
        );
      }
      watch();
    });
  };
  const onChange = () => run('file');
  const onSignal = () => run('SIGHUP');

  function watch(): void {
    stopWatching();
    watched = [...files()];
    for (const file of watched) watchFile(file, { interval: POLL_MS, persistent: false }, onChange);
  }
  function stopWatching(): void {
    for (const file of watched) unwatchFile(file, onChange);
  }

  watch();
  process.on('SIGHUP', onSignal);
  return () => {
    stopWatching();
    process.off('SIGHUP', onSignal);
  };
}
