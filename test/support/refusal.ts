import { expect } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { orStartError, StartError, startFailure, toProblem } from '../../src/config/failures.ts';
import { formatProblem } from '../../src/config/problems.ts';
import { openAccess } from '../../src/open-access.ts';
import { readRegularFile } from '../../src/regular-file.ts';
import { rejectionOf } from './errors.ts';
import { VARIABLES, type Variables } from './service.ts';
import { writings } from './writings.ts';

/** Asserts that what an operator reads says nothing of a secret, of the code, and to the terminal. */
export function expectDiscreet(text: string, secret: string): void {
  expect(writings(secret).filter((one) => text.includes(one))).toEqual([]);
  expect(text).not.toMatch(/^\s+at |node_modules/m);
  expect(text).not.toMatch(/(?!\n)\p{Cc}/u);
}

/** The line with which the program ends a start whose source of decisions cannot be opened. */
export async function refusedAccess(variables: Variables): Promise<string> {
  const config = loadConfig({ ...VARIABLES, ...variables }, readRegularFile);
  const error = await rejectionOf(orStartError('access', openAccess(config.access)));
  if (!(error instanceof StartError)) throw error;
  return formatProblem(toProblem(startFailure(config, error)));
}
