import { readFileSync } from 'node:fs';
import { config as loadDotenv } from 'dotenv';
import { type Config, loadConfig } from './config/config.ts';
import { unknownVariables } from './config/environment.ts';
import { ConfigError } from './config/problems.ts';
import { createLogger } from './ops/logger.ts';
import { installShutdown } from './ops/shutdown.ts';
import { startService } from './service.ts';

const EXIT_CONFIG = 2;
const CLOSE_MARGIN_MS = 500;

loadDotenv({ quiet: true });
await main(readConfig());

function readConfig(): Config {
  try {
    return loadConfig(process.env, (path) => readFileSync(path, 'utf8'));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CONFIG);
  }
}

async function main(config: Config): Promise<void> {
  const { variables } = config;
  const { logger, flush } = createLogger(variables.LOG_LEVEL);
  for (const variable of unknownVariables(process.env)) {
    logger.warn({ variable }, 'unknown variable: a typo?');
  }
  try {
    const service = await startService(config, logger);
    const timeoutMs = variables.SHUTDOWN_TIMEOUT_MS;
    installShutdown({
      logger,
      flush,
      delayMs: variables.SHUTDOWN_DELAY_MS,
      timeoutMs,
      onDrain: service.drain,
      close: () => service.close(Math.max(0, timeoutMs - CLOSE_MARGIN_MS)),
    });
    logger.info({ address: service.app.listeningOrigin, access: config.access.mode }, 'ready');
  } catch (err) {
    logger.fatal({ err }, 'cannot start');
    flush();
    process.exit(1);
  }
}
