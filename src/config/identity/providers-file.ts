import { z } from 'zod';
import { plainIssues } from '../../messages/issues.ts';
import { type ReadFile, readTrimmed, unreadable } from '../environment.ts';
import type { Result } from '../problems.ts';
import { PROVIDER_FIELDS, type Provider, providerSchema } from './provider.ts';

/** Reads the list of providers in a file. */
export function readProvidersFile(path: string, readFile: ReadFile): Result<Provider[]> {
  const wrong = (messages: string[]) => ({
    value: [],
    problems: messages.map((message) => ({ variable: 'AUTH_PROVIDERS_FILE', message })),
  });
  let text: string;
  try {
    text = readTrimmed(path, readFile);
  } catch (error) {
    return wrong([unreadable(error)]);
  }
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch (error) {
    return wrong([`is not JSON${positionOf(error as Error)}; check commas, quotes and brackets`]);
  }
  const files: string[] = [];
  entries = withAllFiles(entries, readFile, files);
  if (files.length > 0) return wrong(files);
  const { data, error } = listSchema.safeParse(entries, { error: plainIssues(FIELDS) });
  if (!data) return wrong(withoutConsequences(error.issues).map(describeIssue));
  return { ...wrong(collisions(data, entries as object[])), value: data };
}

const listSchema = z
  .array(providerSchema, 'must be a list of providers')
  .min(1, 'must have an entry');
const FIELDS = [...PROVIDER_FIELDS, 'secretFile', 'publicKeyFile'];

/** A misspelt field name also causes "is required" errors in its entry; only the misspelling is reported. */
function withoutConsequences(issues: z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  const isTypo = ({ code }: z.core.$ZodIssue) => code === 'unrecognized_keys';
  const entries = new Set(issues.filter(isTypo).map(({ path }) => path[0]));
  return issues.filter((issue) => isTypo(issue) || !entries.has(issue.path[0]));
}

function describeIssue({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `[${path.join('.')}] ${message}`;
}

/** V8's message quotes the text around the error, which may be a secret. */
function positionOf({ message }: Error): string {
  const [, line, column] = /line (\d+) column (\d+)/.exec(message) ?? [];
  if (line) return ` at line ${line}, column ${column}`;
  return message.includes('end of JSON') ? ': it ends too early' : '';
}

/** Replaces the file fields of all entries by file contents; appends errors to `problems`. */
function withAllFiles(entries: unknown, readFile: ReadFile, problems: string[]): unknown {
  return mapObjects(entries, (entry, index) => {
    const provider = withFiles(entry, `[${index}]`, readFile, problems);
    provider.keys &&= mapObjects(provider.keys, (key, position) =>
      withFiles(key, `[${index}.keys.${position}]`, readFile, problems),
    );
    return provider;
  });
}

type Fields = Record<string, unknown>;

/** Maps the objects of a list; the schema reports any other value. */
function mapObjects(list: unknown, map: (item: Fields, index: number) => Fields): unknown {
  if (!Array.isArray(list)) return list;
  return list.map((item, index) =>
    item === null || typeof item !== 'object' || Array.isArray(item) ? item : map(item, index),
  );
}

/** Replaces `secretFile` and `publicKeyFile` by the contents of the files. */
function withFiles(value: Fields, place: string, readFile: ReadFile, problems: string[]): Fields {
  const { secretFile, publicKeyFile, ...provider } = value;
  for (const [name, file] of Object.entries({ secret: secretFile, publicKey: publicKeyFile })) {
    if (file === undefined) continue;
    if (provider[name] !== undefined) {
      problems.push(`${place} ${name} and ${name}File are both set: keep one`);
      continue;
    }
    try {
      provider[name] = readTrimmed(String(file), readFile);
    } catch (error) {
      problems.push(`${place} ${name}File ${unreadable(error)}`);
    }
  }
  return provider;
}

/** Finds settings that would confuse the tokens or the users of two providers. */
function collisions(providers: Provider[], entries: object[]): string[] {
  const found: string[] = [];
  for (const [index, { issuers, userPrefix }] of providers.entries()) {
    const spellings = new Set(issuers.map(({ iss }) => iss));
    if (issuers.length === 0) found.push(`[${index}] issuer is required: it binds the key`);
    if (providers.length > 1 && !Object.hasOwn(entries[index] ?? {}, 'userPrefix')) {
      found.push(
        `[${index}] userPrefix is required with several providers, or equal subjects of two of them would be one user; give "" to all if that is meant`,
      );
    }
    for (const earlier of providers.slice(0, index)) {
      if (earlier.issuers.some(({ iss }) => spellings.has(iss))) {
        found.push(
          `[${index}] has the issuer of [${providers.indexOf(earlier)}]: keep one of them`,
        );
      }
      if (overlap(earlier.userPrefix, userPrefix)) {
        found.push(`[${index}] userPrefix and another one overlap: user ids could collide`);
      }
    }
  }
  return found;
}

function overlap(a: string, b: string): boolean {
  return a !== b && (a.startsWith(b) || b.startsWith(a));
}
