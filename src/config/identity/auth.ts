import { type Config, loadVariables } from '../config.ts';
import { configError, type Environment, type ReadFile } from '../environment.ts';
import { readAll } from '../read.ts';
import { ID_VARIABLES, userIdRules } from './providers.ts';

/**
 * Loads only the AUTH_ settings, with the same validation as a start.
 *
 * @throws {ConfigError}
 */
export function loadAuth(
  environment: Environment,
  readFile: ReadFile,
  dotenv: string,
): Config['auth'] {
  const { providers, introspection, problems } = readAll(environment, readFile, dotenv);
  const relevant = problems.filter(({ variable }) => variable.startsWith('AUTH_'));
  if (relevant.length > 0) throw configError(environment, relevant);
  const ids = userIdRules(loadVariables(environment, readFile, ID_VARIABLES));
  return { providers, introspection, ids };
}
