import { writeSync } from 'node:fs';
import type { Environment } from '../config/environment.ts';
import { ConfigError } from '../config/problems.ts';
import { configErrorLines } from '../config/suggest.ts';
import { ServiceError } from '../errors.ts';
import { causeOf, describeCause } from '../messages/causes.ts';
import type { Terminal } from './terminal.ts';

/** The answer is no, or the command failed. */
export const EXIT_NO = 1;
/** Wrong configuration or usage. */
export const EXIT_CONFIG = 2;

/** Prints why a command failed; returns its exit code. */
export function reportFailure(
  error: Error & { exitCode?: number },
  environment: Environment,
  { note }: Terminal,
): number {
  // Commander has printed its own message.
  if (error.exitCode !== undefined) return error.exitCode === 0 ? 0 : EXIT_CONFIG;
  if (!(error instanceof ConfigError)) {
    note(wordsOf(error));
    return EXIT_NO;
  }
  for (const line of configErrorLines(error, environment)) note(line);
  return EXIT_CONFIG;
}

/** An error of the system, or a refusal that is only a code, in words; the others are sentences already. */
function wordsOf(error: Error & { code?: unknown }): string {
  const isSystem = typeof error.code === 'string' && /^E[A-Z]/.test(error.code);
  if (!isSystem && !(error instanceof ServiceError)) return error.message;
  return `failed: ${describeCause(causeOf(error))}`;
}

/** Ends the process when its output cannot be written; without a word where `head` has read enough. */
export function endUnwritten(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit();
  try {
    writeSync(2, `the output: cannot be written; ${describeCause(causeOf(error))}\n`);
  } finally {
    process.exit(EXIT_NO);
  }
}
