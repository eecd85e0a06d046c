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
export type ZegoConfig = {
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
  const parsed = z.object(variables).safeParse(texts);
  problems.push(...clientVisibleSecrets(texts), ...crossRules(texts));
  for (const { path, message } of parsed.error?.issues ?? []) {
    const name = path[0] as VariableName;
    problems.push(problem(name, texts[name] === undefined ? 'is required' : message));
  }
  const providers = readProviders(texts, readFile, problems);
  if (!parsed.success || problems.length > 0) throw new ConfigError(onePerVariable(problems));
  return {
    zego: zegoConfig(parsed.data),
    providers,
    access: accessConfig(parsed.data),
    variables: parsed.data,
  };
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

function accessConfig(values: Variables): AccessConfig {
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
