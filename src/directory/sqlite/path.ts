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
