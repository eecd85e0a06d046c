import { type Config, loadVariables } from '../config.ts';
import { configError, type Environment, type ReadFile } from '../environment.ts';
import { readAll } from '../read.ts';
import { ID_VARIABLES, userIdRules } from './providers.ts';

/**
 * The settings of authentication alone; reports the errors of them that a start would.
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
