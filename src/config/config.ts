import { z } from 'zod';
import type { Provider } from '../auth/provider.ts';
import type { Token04Mode } from '../token04/index.ts';
import {
  clientVisibleSecrets,
  crossRules,
  type Environment,
  type ReadFile,
  resolveFiles,
} from './environment.ts';
import { ConfigError, type ConfigProblem, problem } from './problems.ts';
import { readProviders } from './providers.ts';
import { type VariableName, type Variables, variables } from './variables.ts';

/** Where the decision about access comes from. */
export type AccessConfig =
  | { mode: 'sqlite'; path: string }
  | { mode: 'postgres'; url: string }
  | { mode: 'http'; url: string; secret: string; timeoutMs: number }
  | { mode: 'claims' };

/** What tokens are made with. */
type ZegoConfig = {
  appId: number;
  secret: string;
  previousSecret: string | undefined;
  mode: Token04Mode;
};

/** Everything that the service is told from outside. Times are in the unit of their name. */
export type Config = {
  zego: ZegoConfig;
  providers: Provider[];
  access: AccessConfig;
  variables: Variables;
};

/**
 * Reads the configuration.
 *
 * @throws {ConfigError} that names every problem at once
 */
export function loadConfig(environment: Environment, readFile: ReadFile): Config {
  const { texts, problems } = resolveFiles(environment, readFile);
  problems.push(...clientVisibleSecrets(texts), ...crossRules(texts));
  const values = parseVariables(texts, problems, ALL_VARIABLES);
  const providers = readProviders(texts, readFile, problems);
  if (!values || problems.length > 0) throw new ConfigError(onePerVariable(problems));
  return { zego: zegoConfig(values), providers, access: accessConfig(values), variables: values };
}

/**
 * Only what the `names` say, for commands that need no more than that.
 *
 * @throws {ConfigError}
 */
export function loadVariables<const Name extends VariableName>(
  environment: Environment,
  readFile: ReadFile,
  names: readonly Name[],
): Pick<Variables, Name> {
  const { texts, problems } = resolveFiles(environment, readFile);
  const values = parseVariables(texts, problems, names);
  const relevant = problems.filter(({ variable }) =>
    names.some((name) => variable === name || variable === `${name}_FILE`),
  );
  if (!values || relevant.length > 0) throw new ConfigError(onePerVariable(relevant));
  return values;
}

/**
 * Where the decision about access comes from, and no more than that.
 *
 * @throws {ConfigError}
 */
export function loadAccess(environment: Environment, readFile: ReadFile): AccessConfig {
  const problems = crossRules(resolveFiles(environment, readFile).texts);
  const relevant = problems.filter(({ variable }) => ACCESS_NAMES.includes(variable));
  if (relevant.length > 0) throw new ConfigError(relevant);
  return accessConfig(loadVariables(environment, readFile, ACCESS_VARIABLES));
}

const ALL_VARIABLES = Object.keys(variables) as VariableName[];

const ACCESS_VARIABLES = [
  'ACCESS_MODE',
  'ACCESS_SQLITE_PATH',
  'DATABASE_URL',
  'ACCESS_HTTP_URL',
  'ACCESS_HTTP_SECRET',
  'ACCESS_HTTP_TIMEOUT_MS',
] as const satisfies VariableName[];

const ACCESS_NAMES: readonly string[] = ACCESS_VARIABLES;

/** Undefined, with what is wrong added to `problems`, when a value breaks its rule. */
function parseVariables<Name extends VariableName>(
  texts: Record<string, string>,
  problems: ConfigProblem[],
  names: readonly Name[],
): Pick<Variables, Name> | undefined {
  const rules = Object.fromEntries(names.map((name) => [name, variables[name]]));
  const parsed = z.object(rules).safeParse(texts);
  for (const { path, message } of parsed.error?.issues ?? []) {
    const name = path[0] as VariableName;
    problems.push(problem(name, texts[name] === undefined ? 'is required' : message));
  }
  return parsed.data as Pick<Variables, Name> | undefined;
}

/** The first message of a variable explains the others. */
function onePerVariable(problems: ConfigProblem[]): ConfigProblem[] {
  const byVariable = Map.groupBy(problems, ({ variable }) => variable);
  return [...byVariable].flatMap(([variable, found]) =>
    variable === 'AUTH_PROVIDERS_FILE' ? found : found.slice(0, 1),
  );
}

function zegoConfig(values: Variables): ZegoConfig {
  return {
    appId: values.ZEGO_APP_ID,
    secret: values.ZEGO_SERVER_SECRET,
    previousSecret: values.ZEGO_SERVER_SECRET_PREVIOUS,
    mode: values.TOKEN_MODE,
  };
}

function accessConfig(values: Pick<Variables, (typeof ACCESS_VARIABLES)[number]>): AccessConfig {
  const { ACCESS_MODE: mode, DATABASE_URL = '', ACCESS_HTTP_URL = '' } = values;
  switch (mode) {
    case 'sqlite':
      return { mode, path: values.ACCESS_SQLITE_PATH };
    case 'postgres':
      return { mode, url: DATABASE_URL };
    case 'http': {
      const { ACCESS_HTTP_SECRET: secret = '', ACCESS_HTTP_TIMEOUT_MS: timeoutMs } = values;
      return { mode, url: ACCESS_HTTP_URL, secret, timeoutMs };
    }
    case 'claims':
      return { mode };
  }
}
