import type { Token04Mode } from '../token04/index.ts';
import type { AdminKey } from './admin-keys.ts';
import { ignoredOptions } from './connection-url.ts';
import {
  configError,
  crossRules,
  type Environment,
  type ReadFile,
  resolveFiles,
} from './environment.ts';
import type { Introspection } from './identity/introspection.ts';
import type { Provider } from './identity/provider.ts';
import type { UserIdRules } from './identity/providers.ts';
import { ID_VARIABLES, userIdRules } from './identity/providers.ts';
import { commonMistakes } from './mistakes.ts';
import type { OutboundConfig } from './outbound.ts';
import { ConfigError } from './problems.ts';
import { parseVariables, readAll } from './read.ts';
import type { VariableName, Variables } from './variables.ts';

/** The source of access decisions. */
/** What the directory takes. @default names of users, too */
type DirectoryConfig = { userNames?: boolean };

export type AccessConfig =
  | ({ mode: 'sqlite'; path: string } & DirectoryConfig)
  | ({ mode: 'postgres'; url: string } & DirectoryConfig)
  | {
      mode: 'http';
      url: string;
      secret: string;
      timeoutMs: number;
      /** Fields of the backend's answers that have no say. */
      ignoredFields: readonly string[];
    }
  | { mode: 'claims' };

/** The configuration of the service. */
export type Config = {
  log: { level: Variables['LOG_LEVEL'] };
  /** The public listener. */
  http: {
    host: string;
    port: number;
    /** CIDR ranges of the proxies in front. */
    trustProxy: string[];
    corsOrigins: string[];
    /** Lower case. */
    countryHeader: string | undefined;
    reusePort: boolean;
  };
  /** The internal listener. */
  internal: {
    host: string;
    port: number;
    adminKeys: AdminKey[];
    /** In lower case. */
    adminHosts: string[];
    changesKeepDays: number;
  };
  limits: { perIp: number; perUser: number; redisUrl: string | undefined };
  zego: {
    appId: number;
    secret: string;
    previousSecret: string | undefined;
    mode: Token04Mode;
  };
  token: {
    ttlSeconds: number;
    outlivesSession: boolean;
    /** Issue tokens for rooms. */
    room: boolean;
    /** Issue tokens that open any room; `zim` refuses ids that ZIM refuses. */
    basic: 'on' | 'zim' | 'off';
  };
  auth: {
    providers: Provider[];
    introspection: Introspection | undefined;
    ids: UserIdRules;
    outbound: OutboundConfig;
  };
  access: AccessConfig;
  shutdown: { delayMs: number; timeoutMs: number };
};

/**
 * Reads the configuration.
 *
 * @param dotenv the text of `.env`, whose values are already in the environment
 * @throws {ConfigError} with all problems
 */
export function loadConfig(environment: Environment, readFile: ReadFile, dotenv = ''): Config {
  const { values, providers, introspection, outbound, adminKeys, problems } = readAll(
    environment,
    readFile,
    dotenv,
  );
  if (!values || problems.length > 0) throw configError(environment, problems);
  return toConfig(values, { providers, introspection, outbound }, adminKeys);
}

/**
 * Loads only the named variables, for commands that need no others.
 *
 * @throws {ConfigError}
 */
export function loadVariables<const Name extends VariableName>(
  environment: Environment,
  readFile: ReadFile,
  names: readonly Name[],
): Pick<Variables, Name> {
  const { value: texts, problems } = resolveFiles(environment, readFile);
  const parsed = parseVariables(texts, names);
  const found = [...problems, ...commonMistakes(texts), ...parsed.problems];
  const relevant = found.filter(({ variable }) =>
    names.some((name) => variable === name || variable === `${name}_FILE`),
  );
  if (!parsed.value || relevant.length > 0) throw configError(environment, relevant);
  return parsed.value;
}

/**
 * Loads only the access settings.
 *
 * @throws {ConfigError}
 */
export function loadAccess(environment: Environment, readFile: ReadFile): AccessConfig {
  const problems = crossRules(resolveFiles(environment, readFile).value);
  const relevant = problems.filter(({ variable }) => ACCESS_NAMES.includes(variable));
  if (relevant.length > 0) throw new ConfigError(relevant);
  return accessConfig(loadVariables(environment, readFile, ACCESS_VARIABLES));
}

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
  const { providers, introspection, outbound, problems } = readAll(environment, readFile, dotenv);
  const relevant = problems.filter(({ variable }) =>
    /^(AUTH_|OUTBOUND_|https?_proxy$)/i.test(variable),
  );
  if (relevant.length > 0) throw configError(environment, relevant);
  const ids = userIdRules(loadVariables(environment, readFile, ID_VARIABLES));
  return { providers, introspection, ids, outbound };
}

const ACCESS_VARIABLES = [
  'ACCESS_MODE',
  'ACCESS_SQLITE_PATH',
  'DATABASE_URL',
  'ACCESS_HTTP_URL',
  'ACCESS_HTTP_SECRET',
  'ACCESS_HTTP_TIMEOUT_MS',
  'ACCESS_IGNORED_FIELDS',
  'USER_NAMES',
] as const satisfies VariableName[];

const ACCESS_NAMES: readonly string[] = ACCESS_VARIABLES;

function toConfig(
  values: Variables,
  auth: Omit<Config['auth'], 'ids'>,
  adminKeys: AdminKey[],
): Config {
  return {
    log: { level: values.LOG_LEVEL },
    http: {
      host: values.HOST,
      port: values.PORT,
      trustProxy: values.TRUST_PROXY,
      corsOrigins: values.CORS_ORIGINS,
      countryHeader: values.COUNTRY_HEADER,
      reusePort: values.REUSE_PORT,
    },
    internal: {
      host: values.INTERNAL_HOST,
      port: values.INTERNAL_PORT,
      adminKeys,
      adminHosts: values.ADMIN_HOSTS.map((name) => name.toLowerCase()),
      changesKeepDays: values.CHANGES_KEEP_DAYS,
    },
    limits: {
      perIp: values.RATE_LIMIT_PER_IP,
      perUser: values.RATE_LIMIT_PER_USER,
      redisUrl: values.REDIS_URL,
    },
    zego: {
      appId: values.ZEGO_APP_ID,
      secret: values.ZEGO_SERVER_SECRET,
      previousSecret: values.ZEGO_SERVER_SECRET_PREVIOUS,
      mode: values.TOKEN_MODE,
    },
    token: {
      ttlSeconds: values.TOKEN_TTL_SECONDS,
      outlivesSession: values.TOKEN_OUTLIVES_SESSION,
      room: values.ROOM_TOKENS === 'on',
      basic: values.BASIC_TOKENS,
    },
    auth: { ...auth, ids: userIdRules(values) },
    access: accessConfig(values),
    shutdown: { delayMs: values.SHUTDOWN_DELAY_MS, timeoutMs: values.SHUTDOWN_TIMEOUT_MS },
  };
}

/** Settings of open connections: a change requires a restart. */
const NEEDS_RESTART: Partial<Record<VariableName, (config: Config) => unknown>> = {
  ACCESS_HTTP_SECRET: ({ access }) => access.mode === 'http' && access.secret,
  DATABASE_URL: ({ access }) => access.mode === 'postgres' && access.url,
  REDIS_URL: ({ limits }) => limits.redisUrl,
  AUTH_TIMEOUT_MS: ({ auth }) => auth.outbound.timeoutMs,
  OUTBOUND_PROXY: ({ auth }) => auth.outbound.proxy && JSON.stringify(auth.outbound.proxy),
};

/** The variables that have changed and require a restart. */
export function changesRequiringRestart(current: Config, next: Config): string[] {
  return Object.entries(NEEDS_RESTART)
    .filter(([, read]) => read(current) !== read(next))
    .map(([variable]) => variable);
}

/** The options in connection URLs that are meant for other tools. */
export function ignoredUrlOptions({ access, limits: { redisUrl } }: Config) {
  const urls = [
    ['DATABASE_URL', access.mode === 'postgres' ? access.url : undefined],
    ['REDIS_URL', redisUrl],
  ] as const;
  return urls.flatMap(([variable, url]) =>
    ignoredOptions(variable, url ?? '').map((option) => ({ variable, option })),
  );
}

function accessConfig(values: Pick<Variables, (typeof ACCESS_VARIABLES)[number]>): AccessConfig {
  const { ACCESS_MODE: mode, DATABASE_URL = '', ACCESS_HTTP_URL = '' } = values;
  const names = values.USER_NAMES === 'off' && { userNames: false };
  switch (mode) {
    case 'sqlite':
      return { mode, path: values.ACCESS_SQLITE_PATH, ...names };
    case 'postgres':
      return { mode, url: DATABASE_URL, ...names };
    case 'http': {
      const { ACCESS_HTTP_SECRET: secret = '', ACCESS_HTTP_TIMEOUT_MS: timeoutMs } = values;
      const { ACCESS_IGNORED_FIELDS: ignoredFields } = values;
      return { mode, url: ACCESS_HTTP_URL, secret, timeoutMs, ignoredFields };
    }
    case 'claims':
      return { mode };
  }
}
