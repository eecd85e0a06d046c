import { printable } from '../messages/printable.ts';
import { exampleOf, type VariableName } from './variables.ts';

/** One variable that is wrong or missing, and what would be right. Never quotes a value. */
export type ConfigProblem = { variable: string; message: string };

/** What was read, and what is wrong with it. */
export type Result<T> = { value: T; problems: ConfigProblem[] };

/** The start cannot go on; every problem is named at once. */
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

/** As one line: the name, and what is wrong with it, which may quote a file or a server. */
export function formatProblem({ variable, message }: ConfigProblem): string {
  return printable(`${variable}: ${message}`);
}
