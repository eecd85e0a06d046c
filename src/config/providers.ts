import { z } from 'zod';
import { type Provider, providerSchema } from '../auth/provider.ts';
import { type ReadFile, readTrimmed, unreadable } from './environment.ts';
import { type ConfigProblem, problem, type Result } from './problems.ts';
import { splitList } from './schemas.ts';
import type { VariableName } from './variables.ts';

const KEY_VARIABLES = [
  'AUTH_JWT_SECRET',
  'AUTH_JWT_PUBLIC_KEY',
  'AUTH_JWKS_URL',
  'AUTH_PROVIDERS_FILE',
] as const satisfies VariableName[];

/** The AUTH_ variables that describe a single provider, by the field of the provider schema. */
const VARIABLE_OF: Record<string, VariableName> = {
  secret: 'AUTH_JWT_SECRET',
  publicKey: 'AUTH_JWT_PUBLIC_KEY',
  jwksUrl: 'AUTH_JWKS_URL',
  issuer: 'AUTH_ISSUER',
  audience: 'AUTH_AUDIENCE',
  algorithms: 'AUTH_ALGORITHMS',
  userClaim: 'AUTH_USER_CLAIM',
  clockToleranceSeconds: 'AUTH_CLOCK_TOLERANCE_SECONDS',
};

const LISTS: readonly string[] = ['audience', 'algorithms'];

/** Reads the identity providers. */
export function readProviders(
  texts: Record<string, string>,
  readFile: ReadFile,
): Result<Provider[]> {
  const given = KEY_VARIABLES.filter((name) => texts[name] !== undefined);
  const [mode] = given;
  if (mode === undefined || given.length > 1) {
    const which = given.length > 1 ? `${given.join(' and ')} are set` : 'none is set';
    const message = `exactly one of ${KEY_VARIABLES.join(', ')} must be set; ${which}`;
    return { value: [], problems: [{ variable: mode ?? 'AUTH_JWT_SECRET', message }] };
  }
  if (mode !== 'AUTH_PROVIDERS_FILE') return readSingle(texts);
  const { value, problems } = readList(texts[mode] ?? '', readFile);
  return { value, problems: [...unreadVariables(texts), ...problems] };
}

function unreadVariables(texts: Record<string, string>): ConfigProblem[] {
  const set = Object.values(VARIABLE_OF).filter((variable) => texts[variable] !== undefined);
  return set.map((variable) => ({
    variable,
    message: 'is not read with AUTH_PROVIDERS_FILE: say it in the entries of the file',
  }));
}

function readSingle(texts: Record<string, string>): Result<Provider[]> {
  const input: Record<string, unknown> = {};
  for (const [field, variable] of Object.entries(VARIABLE_OF)) {
    const value = texts[variable];
    if (value === undefined) continue;
    input[field] = LISTS.includes(field) ? splitList(value) : value;
  }
  // The variable's own rule reports a tolerance that is no number.
  if ('clockToleranceSeconds' in input) {
    input.clockToleranceSeconds = Number(input.clockToleranceSeconds) || 0;
  }
  const result = providerSchema.safeParse(input);
  if (result.success) return { value: [result.data], problems: [] };
  const problems = result.error.issues.flatMap(({ path, message }) => {
    const variable = VARIABLE_OF[String(path[0])];
    if (!variable || variable === 'AUTH_CLOCK_TOLERANCE_SECONDS') return [];
    return [problem(variable, message)];
  });
  return { value: [], problems };
}

function readList(path: string, readFile: ReadFile): Result<Provider[]> {
  const wrong = (messages: string[]) => ({
    value: [],
    problems: messages.map((message) => ({ variable: 'AUTH_PROVIDERS_FILE', message })),
  });
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    return wrong([unreadable(error)]);
  }
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch (error) {
    return wrong([`is not JSON${positionOf(error as Error)}; check commas, quotes and brackets`]);
  }
  try {
    entries = JSON.parse(text, (_key, value) => withFiles(value, readFile));
  } catch (error) {
    return wrong([`secretFile and publicKeyFile ${unreadable(error)}`]);
  }
  const { data, error } = z.array(providerSchema).min(1).safeParse(entries);
  if (!data)
    return wrong(error.issues.map(({ path, message }) => `[${path.join('.')}] ${message}`));
  return { ...wrong(collisions(data, entries as object[])), value: data };
}

/** V8's message quotes the text around the error, which may be a secret. */
function positionOf({ message }: Error): string {
  const [, line, column] = /line (\d+) column (\d+)/.exec(message) ?? [];
  if (line) return ` at line ${line}, column ${column}`;
  return message.includes('end of JSON') ? ': it ends too early' : '';
}

/** `secretFile` and `publicKeyFile` become what the files say. */
function withFiles(value: unknown, readFile: ReadFile): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const { secretFile, publicKeyFile, ...provider } = value as Record<string, unknown>;
  const read = (file: unknown) => readTrimmed(String(file), readFile);
  // Both set is an error: what stays here the schema does not know.
  if (provider.secret !== undefined || provider.publicKey !== undefined) return value;
  if (secretFile !== undefined) provider.secret = read(secretFile);
  if (publicKeyFile !== undefined) provider.publicKey = read(publicKeyFile);
  return provider;
}

/** What would let one provider's token pass as another's, or two users become one. */
function collisions(providers: Provider[], entries: object[]): string[] {
  const found: string[] = [];
  for (const [index, { issuer, userPrefix }] of providers.entries()) {
    if (issuer === undefined) found.push(`[${index}] issuer is required: it binds the key`);
    if (providers.length > 1 && !Object.hasOwn(entries[index] ?? {}, 'userPrefix')) {
      found.push(
        `[${index}] userPrefix is required with several providers, or equal subjects of two of them would be one user; give "" to all if that is meant`,
      );
    }
    for (const earlier of providers.slice(0, index)) {
      if (earlier.issuer === issuer) found.push(`[${index}] the issuer appears twice`);
      if (overlap(earlier.userPrefix, userPrefix)) {
        found.push(`[${index}] userPrefix begins like another one: their users would collide`);
      }
    }
  }
  return found;
}

function overlap(a: string, b: string): boolean {
  return a !== b && (a.startsWith(b) || b.startsWith(a));
}
