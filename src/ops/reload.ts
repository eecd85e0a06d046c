import { unwatchFile, watchFile } from 'node:fs';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/problems.ts';

const POLL_MS = 2_000;
const RETRY_MS = 30_000;

export type ReloadOptions = {
  logger: Logger;
  /** Reads the configuration again; throws if it is invalid. */
  read(): Config;
  /** Applies a configuration; rejects if a dependency fails. */
  apply(config: Config): Promise<void>;
  /** Called after each reload. */
  onReloaded?(result: 'ok' | 'error'): void;
  /** The files read by the last `read`. */
  files(): readonly string[];
};

/**
 * Reloads on SIGHUP and when a file changes. Polls, because file events miss the symbolic links of mounted secrets.
 * An invalid configuration is ignored; a failed dependency causes a retry.
 */
export function installReload({
  logger,
  read,
  apply,
  files,
  onReloaded,
}: ReloadOptions): () => void {
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
        onReloaded?.('ok');
      } catch (error) {
        logger.error({ trigger, problem: (error as Error).message }, 'reload failed');
        onReloaded?.('error');
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
      // Before apply, which can take seconds: the files may change meanwhile.
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
