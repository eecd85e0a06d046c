import { printable } from '../messages/printable.ts';
import { exampleOf, type VariableName } from './variables.ts';

/** An invalid or missing variable. The message never quotes the value. */
export type ConfigProblem = { variable: string; message: string };

export type Result<T> = { value: T; problems: ConfigProblem[] };

/** The configuration is invalid; lists all problems. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}

export function problem(variable: VariableName, message: string): ConfigProblem {
  return { variable, message: `${message} (for example ${variable}=${exampleOf(variable)})` };
}

/** Formats a problem as one line; the message may quote a file or a server. */
export function formatProblem({ variable, message }: ConfigProblem): string {
  return printable(`${variable}: ${message}`);
}
