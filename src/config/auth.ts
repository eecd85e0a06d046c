import { type Config, loadVariables } from './config.ts';
import { crossRules, type Environment, type ReadFile, resolveFiles } from './environment.ts';
import { readIntrospection } from './introspection.ts';
import { ConfigError } from './problems.ts';
import { ID_VARIABLES, readProviders, userIdRules } from './providers.ts';

/**
 * Who signs in the users, and no more than that.
 *
 * @throws {ConfigError}
 */
export function loadAuth(environment: Environment, readFile: ReadFile): Config['auth'] {
  const { value: texts, problems: unreadable } = resolveFiles(environment, readFile);
  const { value: providers, problems } = readProviders(texts, readFile);
  const introspection = readIntrospection(texts);
  problems.unshift(...unreadable.filter(({ variable }) => variable.startsWith('AUTH_')));
  problems.push(...introspection.problems);
  const missing = crossRules(texts).filter(({ variable }) => variable === 'AUTH_USER_ID_KEY');
  if (problems.length > 0 || missing.length > 0) throw new ConfigError([...missing, ...problems]);
  const ids = userIdRules(loadVariables(environment, readFile, ID_VARIABLES));
  return { providers, introspection: introspection.value, ids };
}
