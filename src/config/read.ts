import { z } from 'zod';
import { type AdminKey, readAdminKeys } from './admin-keys.ts';
import {
  clientVisibleSecrets,
  crossRules,
  type Environment,
  type ReadFile,
  resolveFiles,
} from './environment.ts';
import { type Introspection, readIntrospection } from './identity/introspection.ts';
import type { Provider } from './identity/provider.ts';
import { readProviders } from './identity/providers.ts';
import { commonMistakes, secretsCutAtHash } from './mistakes.ts';
import { type OutboundConfig, readOutbound } from './outbound.ts';
import { type ConfigProblem, problem, type Result } from './problems.ts';
import { type VariableName, type Variables, variables } from './variables.ts';

const ALL_VARIABLES = Object.keys(variables) as VariableName[];

/** The parsed environment; `values` is undefined when a variable is invalid. */
export type Reading = {
  values: Variables | undefined;
  providers: Provider[];
  introspection: Introspection | undefined;
  outbound: OutboundConfig;
  adminKeys: AdminKey[];
  problems: ConfigProblem[];
};

/**
 * Reads the whole configuration and collects all problems.
 *
 * @param dotenv the text of the file `.env`
 */
export function readAll(environment: Environment, readFile: ReadFile, dotenv: string): Reading {
  const { value: texts, problems } = resolveFiles(environment, readFile);
  const parsed = parseVariables(texts, ALL_VARIABLES);
  const providers = readProviders(texts, readFile);
  const introspection = readIntrospection(texts);
  const outbound = readOutbound(texts);
  const adminKeys = readAdminKeys(texts, readFile);
  problems.push(
    ...clientVisibleSecrets(texts),
    ...secretsCutAtHash(environment, dotenv),
    ...commonMistakes(texts),
    ...crossRules(texts),
    ...parsed.problems,
    ...providers.problems,
    ...introspection.problems,
    ...outbound.problems,
    ...adminKeys.problems,
  );
  return {
    values: parsed.value,
    providers: providers.value,
    introspection: introspection.value,
    outbound: outbound.value,
    adminKeys: adminKeys.value,
    problems,
  };
}

/** The value is undefined when a variable is invalid. */
export function parseVariables<Name extends VariableName>(
  texts: Record<string, string>,
  names: readonly Name[],
): Result<Pick<Variables, Name> | undefined> {
  const rules = Object.fromEntries(names.map((name) => [name, variables[name]]));
  const { data, error } = z.object(rules).safeParse(texts);
  const problems = (error?.issues ?? []).map(({ path, message }) => {
    const name = path[0] as VariableName;
    return problem(name, texts[name] === undefined ? 'is required' : message);
  });
  return { value: data as Pick<Variables, Name> | undefined, problems };
}
