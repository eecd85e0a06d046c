import { statSync } from 'node:fs';

/** The type of file at a path; `unknown` without the permission to read it. */
export function kindOfPath(path: string): 'file' | 'folder' | 'nothing' | 'unknown' {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (!stats) return 'nothing';
    return stats.isDirectory() ? 'folder' : 'file';
  } catch {
    return 'unknown';
  }
}

/**
 * Tells a file from one that took its place: device and inode; undefined if there is none, and always the same without
 * the permission to read it.
 */
export function identityOf(path: string): string | undefined {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stats && `${stats.dev}:${stats.ino}`;
  } catch {
    return 'unknown';
  }
}
