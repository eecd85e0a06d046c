import { statSync } from 'node:fs';

/** What is at a path; unknown where the process may not look. */
export function kindOfPath(path: string): 'file' | 'folder' | 'nothing' | 'unknown' {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (!stats) return 'nothing';
    return stats.isDirectory() ? 'folder' : 'file';
  } catch {
    return 'unknown';
  }
}
