import { randomBytes } from 'node:crypto';
import { adminKey, readAdminKeys } from '../config/admin-keys.ts';
import type { Terminal } from './terminal.ts';

const KEY_BYTES = 32;

/** Prints a new key, and the line of ADMIN_KEYS_FILE that accepts it. */
export function makeAdminKey(name: string, role: 'read' | 'write', terminal: Terminal): void {
  const key = randomBytes(KEY_BYTES).toString('base64url');
  const line = JSON.stringify(adminKey(name, key, role));
  const texts = { ADMIN_KEYS_FILE: name };
  const [problem] = readAdminKeys(texts, () => `[${line}]`).problems;
  if (problem) throw new Error(problem.message.replace(/^\[0\.(\w+)\]/, '$1'));
  terminal.print(key);
  terminal.print(line);
  terminal.note(
    'The first line is the key, shown once; the second is its entry in ADMIN_KEYS_FILE.',
  );
}
