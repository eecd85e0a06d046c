import { nearest } from '../messages/nearest.ts';
import { type ConfigError, type ConfigProblem, formatProblem } from './problems.ts';
import { FILE_VARIABLES, type VariableName, variables } from './variables.ts';

const OUR_PREFIX = /^(ZEGO|TOKEN|AUTH|ACCESS|RATE_LIMIT|CORS|SHUTDOWN)_/;
/** Read by PostgreSQL clients (https://www.postgresql.org/docs/current/libpq-envars.html). */
const POSTGRES = /^PG[A-Z]+$/;
const SERVICE_HOST = '_SERVICE_HOST';

const NAMES: readonly string[] = [
  ...Object.keys(variables),
  ...FILE_VARIABLES.map((name) => `${name}_FILE`),
];

/** An unknown name that resembles one of ours, and the probable correction. */
export type UnknownVariable = { variable: string; suggestion: string | undefined };

/**
 * Finds names that are within two letters of ours or have one of our prefixes, usually typos. Skips those that
 * Kubernetes injects for a Service (https://kubernetes.io/docs/concepts/services-networking/service/).
 */
export function unknownVariables(environment: Readonly<Record<string, string | undefined>>) {
  const names = Object.keys(environment);
  const services = names
    .filter((name) => name.endsWith(SERVICE_HOST))
    .map((name) => name.slice(0, -SERVICE_HOST.length));
  const isInjected = (name: string) =>
    services.some((service) =>
      [`${service}_SERVICE_`, `${service}_PORT`].some((start) => name.startsWith(start)),
    );
  return names.flatMap((variable): UnknownVariable[] => {
    if (NAMES.includes(variable) || POSTGRES.test(variable) || isInjected(variable)) return [];
    const suggestion = suggestionFor(variable);
    return suggestion || OUR_PREFIX.test(variable) ? [{ variable, suggestion }] : [];
  });
}

/** The setting that each of these variables requires. */
const ONLY_USED_WITH = {
  DATABASE_URL: 'ACCESS_MODE=postgres',
  ACCESS_HTTP_URL: 'ACCESS_MODE=http',
  ACCESS_HTTP_SECRET: 'ACCESS_MODE=http',
  ACCESS_IGNORED_FIELDS: 'ACCESS_MODE=http',
  AUTH_USER_ID_KEY: 'AUTH_USER_ID=hash',
} as const satisfies Partial<Record<VariableName, string>>;

/** Finds variables that are set but not used, usually because another one is missing. */
export function unusedVariables(environment: Readonly<Record<string, string | undefined>>) {
  return Object.entries(ONLY_USED_WITH).flatMap(([name, setting]) => {
    const [other = '', value] = setting.split('=');
    const variable = [name, `${name}_FILE`].find((one) => environment[one]);
    if (variable === undefined || environment[other] === value) return [];
    return [{ variable, fix: `set ${setting}, or remove it` }];
  });
}

/** The lines to print for an invalid configuration: all problems, then all unknown names. */
export function configErrorLines(
  error: ConfigError,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  return [...error.problems.map(formatProblem), ...unknownLines(environment)];
}

export function unknownLines(environment: Readonly<Record<string, string | undefined>>): string[] {
  return unknownVariables(environment).map(describeUnknown).map(formatProblem);
}

function describeUnknown({ variable, suggestion }: UnknownVariable): ConfigProblem {
  const message = suggestion ? `did you mean ${suggestion}?` : 'correct the name, or remove it';
  return { variable, message: `is not known; ${message}` };
}

/** Corrects typos and incomplete names such as TOKEN_TTL. */
function suggestionFor(name: string): string | undefined {
  const [longer, ...more] = NAMES.filter((known) => known.startsWith(`${name}_`));
  return nearest(name, NAMES) ?? (more.length === 0 && OUR_PREFIX.test(name) ? longer : undefined);
}
