import { z } from 'zod';
import { plainIssues } from '../../messages/issues.ts';
import { type ReadFile, readHex, readTrimmed, unreadable } from '../environment.ts';
import type { Result } from '../problems.ts';
import { unresolvedReference } from '../references.ts';
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

/** Fields that can be given as the path of a file. */
const FILE_FIELDS = {
  secret: 'secretFile',
  secretPrevious: 'secretPreviousFile',
  publicKey: 'publicKeyFile',
  publicKeyPrevious: 'publicKeyPreviousFile',
};
const BINARY = 'with "secretEncoding": "binary" is read from a file: give';

const listSchema = z
  .array(providerSchema, 'must be a list of providers')
  .min(1, 'must have an entry');
const FIELDS = [...PROVIDER_FIELDS, ...Object.values(FILE_FIELDS)];

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

/** Replaces the paths in {@link FILE_FIELDS} and in `jwksFile` by the contents of the files. */
function withFiles(value: Fields, place: string, readFile: ReadFile, problems: string[]): Fields {
  const provider = { ...value };
  const isBinary = value.secretEncoding === 'binary';
  const read = (name: string, field: string, asHex = false) => {
    try {
      const path = String(value[field]);
      provider[name] = asHex ? readHex(path, readFile) : readTrimmed(path, readFile);
    } catch (error) {
      problems.push(`${place} ${field} ${unreadable(error)}`);
    }
  };
  for (const [name, field] of Object.entries(FILE_FIELDS)) {
    const isSecret = name.startsWith('secret');
    delete provider[field];
    if (value[name] !== undefined && value[field] !== undefined) {
      problems.push(`${place} ${name} and ${field} are both set: keep one`);
    } else if (value[name] !== undefined && isSecret && isBinary) {
      problems.push(`${place} ${name} ${BINARY} ${field}`);
    } else if (value[field] !== undefined) read(name, field, isSecret && isBinary);
    const text = isSecret && isBinary ? '' : provider[name];
    const reference = typeof text === 'string' ? unresolvedReference(text) : undefined;
    if (reference)
      problems.push(`${place} ${value[field] === undefined ? name : field} ${reference}`);
  }
  if (value.jwksFile !== undefined) read('jwksFile', 'jwksFile');
  return provider;
}

/** Finds settings that would confuse the tokens or the users of two providers. */
function collisions(providers: Provider[], entries: object[]): string[] {
  const found: string[] = [];
  for (const [index, { issuers, userPrefix }] of providers.entries()) {
    const spellings = new Set(issuers.map(({ iss }) => iss));
    const bare = new Set(issuers.map(({ iss }) => withoutSlash(iss)));
    if (issuers.length === 0) found.push(`[${index}] issuer is required: it binds the key`);
    if (providers.length > 1 && !Object.hasOwn(entries[index] ?? {}, 'userPrefix')) {
      found.push(
        `[${index}] userPrefix is required with several providers, or equal subjects of two of them would be one user; give "" to all if that is meant`,
      );
    }
    for (const earlier of providers.slice(0, index)) {
      const place = `[${providers.indexOf(earlier)}]`;
      if (earlier.issuers.some(({ iss }) => spellings.has(iss))) {
        found.push(`[${index}] has the issuer of ${place}: keep one of them`);
      } else if (earlier.issuers.some(({ iss }) => bare.has(withoutSlash(iss)))) {
        found.push(
          `[${index}] has the issuer of ${place} but for a slash at its end: their users would share mapped ids; keep the one that their JWTs have`,
        );
      }
      if (overlap(earlier.userPrefix, userPrefix)) {
        found.push(`[${index}] userPrefix and another one overlap: user ids could collide`);
      }
      if (userPrefix !== '' && userPrefix === earlier.userPrefix) {
        found.push(
          `[${index}] userPrefix is that of ${place}: equal subjects of the two would be one user; give each its own`,
        );
      }
    }
  }
  return found;
}

/** `toUserId` maps issuers that differ by a slash at the end to the same ids. */
function withoutSlash(issuer: string): string {
  return issuer.replace(/\/+$/, '');
}

function overlap(a: string, b: string): boolean {
  return a !== b && (a.startsWith(b) || b.startsWith(a));
}
