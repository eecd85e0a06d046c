import { type Config, loadVariables } from './config.ts';
import { configError, type Environment, type ReadFile } from './environment.ts';
import { ID_VARIABLES, userIdRules } from './providers.ts';
import { readAll } from './read.ts';

/**
 * Who signs in the users, and no more than that; what is wrong with it is what would end a start.
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
