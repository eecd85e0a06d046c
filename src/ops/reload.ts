import { unwatchFile, watchFile } from 'node:fs';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/problems.ts';

const POLL_MS = 2_000;
const RETRY_MS = 30_000;

export type ReloadOptions = {
  logger: Logger;
  /** Reads the configuration anew; throws when it is wrong. */
  read(): Config;
  /** Applies a configuration; rejects when a dependency prevents it. */
  apply(config: Config): Promise<void>;
  /** The files that were read last. */
  files(): readonly string[];
};

/**
 * Reloads on SIGHUP and when a file has changed. Polls, as mounted secrets are swapped by links that
 * notifications miss. A wrong configuration changes nothing; what a dependency prevents is tried again.
 */
export function installReload({ logger, read, apply, files }: ReloadOptions): () => void {
  let watched: readonly string[] = [];
  let last: Promise<void> = Promise.resolve();
  let retry: NodeJS.Timeout | undefined;
  let stopped = false;

  const run = (trigger: string) => {
    last = last.then(async () => {
      clearTimeout(retry);
      try {
        await apply(reread());
        logger.info({ trigger }, 'secrets and keys reloaded');
      } catch (error) {
        logger.error({ trigger, problem: (error as Error).message }, 'reload failed');
        if (stopped || error instanceof ConfigError) return;
        retry = setTimeout(run, RETRY_MS, 'retry').unref();
      }
    });
  };
  const onChange = () => run('file');
  const onSignal = () => run('SIGHUP');

  function reread(): Config {
    try {
      return read();
    } finally {
      // Before it is applied, which can take seconds in which the files change again.
      watch();
    }
  }
  /** Keeps existing watchers: `watchFile` calls back at once for a missing file, which would cause an endless reload. */
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
    stopped = true;
    clearTimeout(retry);
    stopWatching(watched);
    process.off('SIGHUP', onSignal);
  };
}
