import type { Logger } from 'pino';
import {
  type Config,
  changesRequiringRestart,
  ignoredUrlOptions,
  loadConfig,
} from './config/config.ts';
import { readDotenv } from './config/dotenv.ts';
import { StartError, startFailure, toProblem } from './config/failures.ts';
import { ConfigError, formatProblem } from './config/problems.ts';
import { configErrorLines, unknownVariables, unusedVariables } from './config/suggest.ts';
import { causeOf, describeCause } from './messages/causes.ts';
import { createAuditLog } from './ops/audit-log.ts';
import { createLogger } from './ops/logger.ts';
import { createOutput } from './ops/output.ts';
import { installReload } from './ops/reload.ts';
import { installShutdown } from './ops/shutdown.ts';
import { readRegularFile } from './regular-file.ts';
import { type Service, startService } from './service.ts';

const EXIT_FAILED = 1;
const EXIT_CONFIG = 2;
const CLOSE_MARGIN_MS = 500;
const FLUSH_MS = 500;

const dotenv = readConfigOrExit(() => readDotenv(process.env));
const files = new Set<string>();
await main(readConfigOrExit(readConfig));

function readConfig(): Config {
  files.clear();
  return loadConfig(
    process.env,
    (path) => {
      files.add(path);
      return readRegularFile(path);
    },
    dotenv,
  );
}

function readConfigOrExit<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${configErrorLines(error, process.env).join('\n')}\n`);
    process.exit(EXIT_CONFIG);
  }
}

async function main(config: Config): Promise<void> {
  const output = createOutput();
  const logger = createLogger(output, config.log.level);
  const { flush } = output;
  for (const unknown of unknownVariables(process.env)) logger.warn(unknown, 'unknown variable');
  for (const unused of unusedVariables(process.env)) logger.warn(unused, 'variable not used');
  for (const ignored of ignoredUrlOptions(config)) logger.warn(ignored, 'option of a URL not used');
  const starting = Promise.withResolvers<Service>();
  // Before the start, which can take seconds: files may change meanwhile.
  const stopReloading = installReload({
    logger,
    read: readConfig,
    async apply(next) {
      const service = await starting.promise;
      await service.reload(next);
      for (const variable of changesRequiringRestart(config, next)) {
        logger.warn({ variable }, 'changed; restart required');
      }
    },
    files: () => [...files],
    onReloaded: (result) => void starting.promise.then(({ reloaded }) => reloaded(result)),
  });
  try {
    const service = await startService(
      config,
      logger,
      createAuditLog(output, logger),
      output.waitingBytes,
    );
    starting.resolve(service);
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
  } catch (error) {
    reportStartError(config, error, logger);
    await flush(FLUSH_MS);
    process.exit(EXIT_FAILED);
  }
}

/** One line on standard error for a person, and one in the log. */
function reportStartError(config: Config, error: unknown, logger: Logger): void {
  if (error instanceof StartError) {
    const failure = startFailure(config, error);
    const problem = toProblem(failure);
    process.stderr.write(`${formatProblem(problem)}\n`);
    logger.fatal({ ...problem, reason: failure.cause.code }, 'cannot start');
  } else {
    const cause = describeCause(causeOf(error));
    const message = `cannot start; ${cause}; see the stack in the log`;
    process.stderr.write(`${formatProblem({ variable: 'the service', message })}\n`);
    logger.fatal({ err: error }, 'cannot start');
  }
}
