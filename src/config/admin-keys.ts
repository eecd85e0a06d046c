import { hash } from 'node:crypto';
import { z } from 'zod';
import { plainIssues } from '../messages/issues.ts';
import { type ReadFile, readTrimmed, unreadable } from './environment.ts';
import type { Result } from './problems.ts';

/** The name of ADMIN_API_KEY. */
const ADMIN = 'admin';

/** The hash of nothing, as of an empty variable in a shell. */
const EMPTY_HASH = hash('sha256', '');

const adminKeySchema = z.strictObject({
  name: z
    .string()
    .regex(
      /^[A-Za-z0-9][\w.-]{0,63}$/,
      'must be 1 to 64 letters, digits and - . _, and begin with a letter or digit',
    )
    .refine((name) => name.toLowerCase() !== ADMIN, 'must not be admin, the name of ADMIN_API_KEY'),
  keyHash: z
    .string()
    .regex(
      /^[\da-f]{64}$/i,
      'must be the SHA-256 of the key in 64 hexadecimal digits; zego-video-token admin-key prints it',
    )
    .transform((digits) => digits.toLowerCase())
    .refine((digits) => digits !== EMPTY_HASH, 'is the SHA-256 of nothing; give that of the key'),
  role: z.enum(['read', 'write']),
});

/** A key of the directory API, of which only the SHA-256 is known. */
export type AdminKey = z.output<typeof adminKeySchema>;

const listSchema = z.array(adminKeySchema, 'must be a list of keys').min(1, 'must have an entry');

/** Reads ADMIN_API_KEY, which is the key `admin`, and ADMIN_KEYS_FILE. */
export function readAdminKeys(
  texts: Readonly<Record<string, string>>,
  readFile: ReadFile,
): Result<AdminKey[]> {
  const { ADMIN_API_KEY: single, ADMIN_KEYS_FILE: path } = texts;
  const keys: AdminKey[] = single ? [adminKey(ADMIN, single, 'write')] : [];
  if (path === undefined) return { value: keys, problems: [] };
  const wrong = (message: string) => ({
    value: keys,
    problems: [{ variable: 'ADMIN_KEYS_FILE', message }],
  });
  let text: string;
  try {
    text = readTrimmed(path, readFile);
  } catch (error) {
    return wrong(unreadable(error));
  }
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch {
    // The message of V8 quotes the text.
    return wrong('is not JSON; check commas, quotes and brackets');
  }
  const fields = Object.keys(adminKeySchema.shape);
  const { data, error } = listSchema.safeParse(entries, { error: plainIssues(fields) });
  if (!data) {
    const [issue] = error.issues;
    const place = issue?.path.length ? `[${issue.path.join('.')}] ` : '';
    return wrong(`${place}${issue?.message}`);
  }
  keys.push(...data);
  const repeated = findRepeated(keys);
  return repeated === undefined ? { value: keys, problems: [] } : wrong(repeated);
}

/** The key as it is kept. */
export function adminKey(name: string, key: string, role: AdminKey['role']): AdminKey {
  return { name, keyHash: hash('sha256', key), role };
}

function findRepeated(keys: readonly AdminKey[]): string | undefined {
  for (const [index, { name, keyHash }] of keys.entries()) {
    const earlier = keys.slice(0, index);
    if (earlier.some((other) => other.name === name)) {
      return `the name ${name} is given twice; give each key a name of its own`;
    }
    const same = earlier.find((other) => other.keyHash === keyHash);
    if (same) return `${same.name} and ${name} are the same key; make one for each`;
  }
  return undefined;
}
