import { readFileSync } from 'node:fs';
import { config as loadDotenv } from 'dotenv';
import { type Config, changedUntilRestart, loadConfig } from './config/config.ts';
import { unknownVariables } from './config/environment.ts';
import { ConfigError } from './config/problems.ts';
import { createLogger } from './ops/logger.ts';
import { installReload } from './ops/reload.ts';
import { installShutdown } from './ops/shutdown.ts';
import { startService } from './service.ts';

const EXIT_CONFIG = 2;
const CLOSE_MARGIN_MS = 500;

loadDotenv({ quiet: true });
const files = new Set<string>();
await main(readConfigOrExit());

function readConfig(): Config {
  files.clear();
  return loadConfig(process.env, (path) => {
    files.add(path);
    return readFileSync(path, 'utf8');
  });
}

function readConfigOrExit(): Config {
  try {
    return readConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CONFIG);
  }
}

async function main(config: Config): Promise<void> {
  const { logger, flush } = createLogger(config.log.level);
  for (const variable of unknownVariables(process.env)) {
    logger.warn({ variable }, 'unknown variable');
  }
  try {
    const service = await startService(config, logger);
    const stopReloading = installReload({
      logger,
      async reload() {
        const next = readConfig();
        await service.reload(next);
        for (const variable of changedUntilRestart(config, next)) {
          logger.warn({ variable }, 'changed; restart required');
        }
      },
      files: () => [...files],
    });
    const { delayMs, timeoutMs } = config.shutdown;
    installShutdown({
      logger,
      flush,
      delayMs,
      timeoutMs,
      onDrain: service.drain,
      close: async () => {
        stopReloading();
        await service.close(Math.max(0, timeoutMs - CLOSE_MARGIN_MS));
      },
    });
    logger.info({ ...service.addresses, access: config.access.mode }, 'ready');
  } catch (err) {
    logger.fatal({ err }, 'cannot start');
    flush();
    process.exit(1);
  }
}
