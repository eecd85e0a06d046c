import { HASHED_LENGTH, ZIM_MAX_BYTES } from '../identifiers.ts';
import { causeOf } from '../messages/causes.ts';
import { ConfigError, type ConfigProblem, problem, type Result } from './problems.ts';
import { FILE_VARIABLES, type VariableName } from './variables.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The contents of a file; throws when it cannot be read. */
export type ReadFile = (path: string) => string | Uint8Array;

const CLIENT_PREFIX =
  /^(NEXT_PUBLIC|VITE|REACT_APP|NUXT_PUBLIC|EXPO_PUBLIC|VUE_APP|GATSBY|PUBLIC)_/i;
const ZEGO_SECRET = /ZEGO.*SECRET/i;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a text file without the byte order mark and the final newline that editors add.
 *
 * @throws {Error} when the file cannot be read, or is not text in UTF-8: replacement characters would stand for
 * any bytes, and weaken a secret
 */
export function readTrimmed(path: string, readFile: ReadFile): string {
  const content = readFile(path);
  const text = decodeText(content);
  // UTF-16 of ASCII has a NUL in every other byte.
  if (text === undefined || /[\0\ufffd]/.test(text)) {
    throw Object.assign(new Error('not text'), { code: 'NOT_TEXT' });
  }
  return text.replace(/^\ufeff/, '').replace(/\r?\n$/, '');
}

function decodeText(content: string | Uint8Array): string | undefined {
  try {
    return typeof content === 'string' ? content : utf8.decode(content);
  } catch {
    return undefined;
  }
}

/** Reads the bytes of a file, as hex digits: the form of a secret in `binary`. */
export function readHex(path: string, readFile: ReadFile): string {
  return Buffer.from(readFile(path)).toString('hex');
}

/** Secrets to which AUTH_JWT_SECRET_ENCODING applies. */
const ENCODED: readonly VariableName[] = ['AUTH_JWT_SECRET', 'AUTH_JWT_SECRET_PREVIOUS'];

/** Resolves `NAME_FILE` variables; an empty variable counts as unset. */
export function resolveFiles(
  environment: Environment,
  readFile: ReadFile,
): Result<Record<string, string>> {
  const problems: ConfigProblem[] = [];
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) if (value) texts[name] = value;
  for (const name of FILE_VARIABLES) {
    const path = texts[`${name}_FILE`];
    const isBinary = ENCODED.includes(name) && texts.AUTH_JWT_SECRET_ENCODING === 'binary';
    if (path === undefined) {
      if (isBinary && texts[name] !== undefined) {
        const message = `with AUTH_JWT_SECRET_ENCODING=binary is read from a file: set ${name}_FILE`;
        problems.push({ variable: name, message });
        delete texts[name];
      }
      continue;
    }
    if (texts[name] !== undefined) {
      problems.push(problem(name, `and ${name}_FILE are both set: keep one`));
      continue;
    }
    const wrong = (message: string) => problems.push({ variable: `${name}_FILE`, message });
    // Counts as set, so that no second error is reported.
    texts[name] = '';
    try {
      texts[name] = isBinary ? readHex(path, readFile) : readTrimmed(path, readFile);
      if (texts[name] === '') wrong('the file is empty; put the value into it');
    } catch (error) {
      wrong(unreadable(error));
    }
  }
  return { value: texts, problems };
}

/** Does not quote the path, because operators sometimes put the secret itself there. */
export function unreadable(error: unknown): string {
  const { words, fix = 'check the path' } = causeOf(error);
  return `must be the path of a readable file; ${words}; ${fix}`;
}

/** Keeps the first problem of each variable: the others are usually consequences. */
export function configError(environment: Environment, problems: ConfigProblem[]): ConfigError {
  const named = problems.map((one) => inFile(environment, one));
  const byVariable = [...Map.groupBy(named, ({ variable }) => variable)];
  return new ConfigError(
    byVariable.flatMap(([variable, found]) =>
      variable === 'AUTH_PROVIDERS_FILE' ? found : found.slice(0, 1),
    ),
  );
}

/** Reports the problem under `NAME_FILE` when the value came from a file. */
function inFile(environment: Environment, { variable, message }: ConfigProblem) {
  if (environment[variable] || !environment[`${variable}_FILE`]) return { variable, message };
  return {
    variable: `${variable}_FILE`,
    message: `the value in the file: ${message}`,
  };
}

/** Bundlers copy variables with these prefixes into the client, which would expose the secret. */
export function clientVisibleSecrets(texts: Record<string, string>): ConfigProblem[] {
  const exposed = Object.keys(texts).filter(
    (name) =>
      CLIENT_PREFIX.test(name) &&
      (ZEGO_SECRET.test(name) || texts[name] === texts.ZEGO_SERVER_SECRET),
  );
  return exposed.map((variable) => ({
    variable,
    message:
      'a variable that bundlers copy into the client must not contain the secret: remove it and reset the ServerSecret',
  }));
}

/** Rules over more than one variable. */
export function crossRules(texts: Record<string, string>): ConfigProblem[] {
  const has = (name: VariableName) => texts[name] !== undefined;
  const mode = texts.ACCESS_MODE;
  const problems: ConfigProblem[] = [];
  const demand = (name: VariableName, reason: string) => {
    if (!has(name)) problems.push(problem(name, `is required ${reason}`));
  };
  if (mode === 'postgres') demand('DATABASE_URL', 'with ACCESS_MODE=postgres');
  if (mode === 'http') {
    demand('ACCESS_HTTP_URL', 'with ACCESS_MODE=http');
    demand('ACCESS_HTTP_SECRET', 'with ACCESS_MODE=http');
  }
  if (texts.AUTH_USER_ID === 'hash') demand('AUTH_USER_ID_KEY', 'with AUTH_USER_ID=hash');
  const { AUTH_USER_ID_LENGTH: length = String(HASHED_LENGTH) } = texts;
  if (
    texts.BASIC_TOKENS === 'zim' &&
    texts.AUTH_USER_ID === 'hash' &&
    Number(length) > ZIM_MAX_BYTES
  ) {
    const reason = `with BASIC_TOKENS=zim, because ZIM refuses longer user ids`;
    problems.push(problem('AUTH_USER_ID_LENGTH', `must be at most ${ZIM_MAX_BYTES} ${reason}`));
  }
  if (has('COUNTRY_HEADER')) {
    demand('TRUST_PROXY', 'with COUNTRY_HEADER, because only a trusted proxy may send the country');
  }
  return problems;
}
