import { writeSync } from 'node:fs';
import type { Environment } from '../config/environment.ts';
import { ConfigError } from '../config/problems.ts';
import { configErrorLines } from '../config/suggest.ts';
import { ServiceError } from '../errors.ts';
import { causeOf, describeCause } from '../messages/causes.ts';
import type { Terminal } from './terminal.ts';

/** The result is negative, or the command failed. */
export const EXIT_NO = 1;
/** Wrong configuration or usage. */
export const EXIT_CONFIG = 2;

/** Prints why a command failed; returns its exit code. */
export function reportFailure(
  error: Error & { exitCode?: number },
  environment: Environment,
  { note }: Terminal,
): number {
  // Commander has already printed the message.
  if (error.exitCode !== undefined) return error.exitCode === 0 ? 0 : EXIT_CONFIG;
  if (!(error instanceof ConfigError)) {
    note(describeError(error));
    return EXIT_NO;
  }
  for (const line of configErrorLines(error, environment)) note(line);
  return EXIT_CONFIG;
}

/** Describes system errors and service errors, whose messages are only codes. */
function describeError(error: Error & { code?: unknown }): string {
  const isSystem = typeof error.code === 'string' && /^E[A-Z]/.test(error.code);
  if (!isSystem && !(error instanceof ServiceError)) return error.message;
  return `failed: ${describeCause(causeOf(error))}`;
}

/** Exits when the output cannot be written; silently on EPIPE, as after `head`. */
export function exitOnOutputError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit();
  try {
    writeSync(2, `the output: cannot be written; ${describeCause(causeOf(error))}\n`);
  } finally {
    process.exit(EXIT_NO);
  }
}
