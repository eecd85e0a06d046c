import { type ReadFile, readTrimmed, unreadable } from '../environment.ts';
import { type ConfigProblem, problem, type Result } from '../problems.ts';
import { splitList } from '../schemas.ts';
import type { VariableName, Variables } from '../variables.ts';
import { hasIntrospection } from './introspection.ts';
import { audienceOf, type Provider, providerSchema, readRequiredClaims } from './provider.ts';
import { readProvidersFile } from './providers-file.ts';

/** How user claims are mapped to ZEGO user ids. */
export type UserIdRules = {
  /** Refuse ids that ZEGO refuses. */
  strict: boolean;
  /** Hash every id with this key; undefined: ids are not hashed. */
  hashKey: string | undefined;
  /** Characters of a hashed id. @default 34 */
  hashLength?: number;
};

/** Sources of verification; with AUTH_PROVIDER, the first four replace or add keys. */
const KEY_VARIABLES = [
  'AUTH_JWT_SECRET',
  'AUTH_JWT_PUBLIC_KEY',
  'AUTH_JWKS_FILE',
  'AUTH_JWKS_URL',
  'AUTH_PROVIDERS_FILE',
  'AUTH_PROVIDER',
  'AUTH_INTROSPECTION_URL',
] as const satisfies VariableName[];
const KEYS_BESIDE_PRESET: readonly string[] = KEY_VARIABLES.slice(0, 4);

/** The AUTH_ variables that describe a single provider, by the field of the provider schema. */
const VARIABLE_OF: Record<string, VariableName> = {
  provider: 'AUTH_PROVIDER',
  secret: 'AUTH_JWT_SECRET',
  secretPrevious: 'AUTH_JWT_SECRET_PREVIOUS',
  secretEncoding: 'AUTH_JWT_SECRET_ENCODING',
  publicKey: 'AUTH_JWT_PUBLIC_KEY',
  publicKeyPrevious: 'AUTH_JWT_PUBLIC_KEY_PREVIOUS',
  jwksFile: 'AUTH_JWKS_FILE',
  jwksUrl: 'AUTH_JWKS_URL',
  issuer: 'AUTH_ISSUER',
  tenants: 'AUTH_TENANTS',
  audience: 'AUTH_AUDIENCE',
  audienceClaim: 'AUTH_AUDIENCE_CLAIM',
  audienceOptional: 'AUTH_AUDIENCE_OPTIONAL',
  allowHttp: 'AUTH_ALLOW_HTTP',
  algorithms: 'AUTH_ALGORITHMS',
  requiredClaims: 'AUTH_REQUIRED_CLAIMS',
  senderConstrained: 'AUTH_SENDER_CONSTRAINED',
  userClaim: 'AUTH_USER_CLAIM',
  userClaimNumeric: 'AUTH_USER_CLAIM_NUMERIC',
  clockToleranceSeconds: 'AUTH_CLOCK_TOLERANCE_SECONDS',
};

const LISTS: readonly string[] = ['audience', 'algorithms', 'tenants'];
const FLAGS: readonly string[] = ['audienceOptional', 'allowHttp', 'userClaimNumeric'];

/** Variables whose own schema reports an invalid value, with an example. */
const CHECKED_ALONE: readonly VariableName[] = [
  'AUTH_CLOCK_TOLERANCE_SECONDS',
  'AUTH_AUDIENCE_CLAIM',
  'AUTH_SENDER_CONSTRAINED',
  'AUTH_JWT_SECRET_ENCODING',
];

/** Reads the identity providers; the list is empty with an introspection endpoint. */
export function readProviders(
  texts: Record<string, string>,
  readFile: ReadFile,
): Result<Provider[]> {
  const hasPreset = texts.AUTH_PROVIDER !== undefined;
  const isSet = (name: VariableName) =>
    name === 'AUTH_INTROSPECTION_URL' ? hasIntrospection(texts) : texts[name] !== undefined;
  const given = KEY_VARIABLES.filter(
    (name) => isSet(name) && !(hasPreset && KEYS_BESIDE_PRESET.includes(name)),
  );
  const [mode] = given;
  if (given.length > 1 || (mode === undefined && texts.AUTH_ISSUER === undefined)) {
    const which = given.length > 1 ? `${given.join(' and ')} are set` : 'none is set';
    const message = `exactly one of ${KEY_VARIABLES.join(', ')} must be set, or AUTH_ISSUER alone; ${which}`;
    return { value: [], problems: [{ variable: mode ?? 'AUTH_JWT_SECRET', message }] };
  }
  if (mode === 'AUTH_INTROSPECTION_URL') return { value: [], problems: [] };
  if (mode !== 'AUTH_PROVIDERS_FILE') return readSingle(texts, readFile);
  const { value, problems } = readProvidersFile(texts.AUTH_PROVIDERS_FILE ?? '', readFile);
  return { value, problems: [...unreadVariables(texts), ...problems] };
}

function unreadVariables(texts: Record<string, string>): ConfigProblem[] {
  const set = Object.values(VARIABLE_OF).filter((variable) => texts[variable] !== undefined);
  return set.map((variable) => ({
    variable,
    message: 'is not read with AUTH_PROVIDERS_FILE: set it in the entries of the file',
  }));
}

function readSingle(texts: Record<string, string>, readFile: ReadFile): Result<Provider[]> {
  const input: Record<string, unknown> = {};
  for (const [field, variable] of Object.entries(VARIABLE_OF)) {
    const value = texts[variable];
    if (value === undefined) continue;
    input[field] = LISTS.includes(field) ? splitList(value) : value;
    if (field === 'audience') input[field] = audienceOf(splitList(value));
    // The schema of the variable reports values other than true and false.
    if (FLAGS.includes(field)) input[field] = value === 'true';
  }
  // The schema of the variable reports an invalid number.
  if ('clockToleranceSeconds' in input) {
    input.clockToleranceSeconds = Number(input.clockToleranceSeconds) || 0;
  }
  // The schemas of the variables report invalid values of these.
  if (texts.AUTH_REQUIRED_CLAIMS !== undefined) {
    input.requiredClaims = readRequiredClaims(texts.AUTH_REQUIRED_CLAIMS).value;
  }
  if (texts.AUTH_JWKS_FILE !== undefined) {
    try {
      input.jwksFile = readTrimmed(texts.AUTH_JWKS_FILE, readFile) || 'empty';
    } catch (error) {
      return { value: [], problems: [{ variable: 'AUTH_JWKS_FILE', message: unreadable(error) }] };
    }
  }
  const result = providerSchema.safeParse(input);
  if (result.success) return { value: [result.data], problems: [] };
  const problems = result.error.issues.flatMap((issue) => {
    const { path, message } = issue;
    const variable = VARIABLE_OF[String(path[0])];
    if (!variable || CHECKED_ALONE.includes(variable)) return [];
    const isComplete = issue.code === 'custom' && issue.params?.isComplete;
    return [isComplete ? { variable, message } : problem(variable, message)];
  });
  return { value: [], problems };
}

export const ID_VARIABLES = [
  'ZEGO_ID_RULE',
  'AUTH_USER_ID',
  'AUTH_USER_ID_KEY',
  'AUTH_USER_ID_LENGTH',
] as const;

export function userIdRules(values: Pick<Variables, (typeof ID_VARIABLES)[number]>): UserIdRules {
  const hashKey = values.AUTH_USER_ID === 'hash' ? values.AUTH_USER_ID_KEY : undefined;
  const hashLength = values.AUTH_USER_ID_LENGTH;
  const strict = values.ZEGO_ID_RULE === 'strict';
  return { strict, hashKey, ...(hashKey !== undefined && { hashLength }) };
}
