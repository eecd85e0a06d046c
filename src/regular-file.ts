import { readFileSync, statSync } from 'node:fs';

const MAX_BYTES = 1 << 20;

/**
 * Reads a file whose path comes from the operator. A pipe or a device could block the process.
 *
 * @throws {Error} with a `code` that causes.ts knows
 */
export function readRegularFile(path: string): Buffer {
  checkRegularFile(path);
  return readFileSync(path);
}

/** Follows symbolic links, which Kubernetes uses for mounted secrets. Reading a folder fails anyway. */
export function checkRegularFile(path: string): void {
  const stats = statSync(path);
  if (!stats.isFile() && !stats.isDirectory()) throw withCode('NOT_REGULAR_FILE');
  if (stats.isFile() && stats.size > MAX_BYTES) throw withCode('FILE_TOO_LARGE');
}

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code });
}
