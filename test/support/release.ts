import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './folder.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The commit of the release before this one: 0.2.0. */
const BEFORE = 'a1d6060';

export type Release = { server: string; cli: string; remove(): void };

/** The programs of the release before, from the history, with the packages of this one. */
export function releaseBefore(): Release {
  const folder = temporaryFolder();
  const files = execFileSync('git', ['archive', BEFORE, 'src', 'package.json'], {
    cwd: ROOT,
    maxBuffer: 64 * 1024 * 1024,
  });
  execFileSync('tar', ['-x'], { cwd: folder.path, input: files });
  symlinkSync(join(ROOT, 'node_modules'), join(folder.path, 'node_modules'));
  return {
    server: join(folder.path, 'src/start.js'),
    cli: join(folder.path, 'src/cli.ts'),
    remove: folder.remove,
  };
}
