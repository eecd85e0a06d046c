import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeFolder, startProgram, VARIABLES } from '../support/service.ts';

const isRoot = process.getuid?.() === 0;

/** Starts the program beside a small volume of its own, which ends with it, and reads what it says. */
async function startOn(options: string, prepare: string, file: string) {
  const folder = makeFolder();
  const volume = join(folder, 'volume');
  mkdirSync(volume);
  const script = `mount -t tmpfs -o size=64k tmpfs "$0" && ${prepare} && mount -o remount,${options} "$0" && exec "$@"`;
  const unshare = ['unshare', '--mount', ...(isRoot ? [] : ['--map-root-user'])];
  const variables = { ...VARIABLES, ACCESS_SQLITE_PATH: join(volume, file) };
  const program = startProgram(variables, folder, [...unshare, 'sh', '-c', script, volume]);
  onTestFinished(program.stop);
  const { code } = await program.exited;
  return { code, stderr: program.stderr() };
}

describe('a start with a SQLite path', () => {
  it.each([
    ['that is new on a read-only volume', 'ro', 'true', 'access.db', 'read-only.*mount a volume'],
    ['in a new folder of a read-only volume', 'ro', 'true', 'new/access.db', 'read-only.*mount'],
    ['that is empty on a read-only volume', 'ro', ': > "$0/access.db"', 'access.db', 'read-only'],
    [
      'on a full disk',
      'rw',
      '! dd if=/dev/zero of="$0/fill" status=none 2>&-',
      'access.db',
      'full.*make space',
    ],
  ])('%s is one line and exit code 1', async (_name, options, prepare, file, cause) => {
    const { code, stderr } = await startOn(options, prepare, file);
    expect(stderr).toMatch(
      new RegExp(`^ACCESS_SQLITE_PATH: cannot use \\S+/volume/${file}; .*${cause}.*\n$`),
    );
    expect(code).toBe(1);
  });

  it('in a folder that the process may not write to is one line and exit code 1', async () => {
    const folder = makeFolder();
    chmodSync(folder, 0o555);
    const variables = { ...VARIABLES, ACCESS_SQLITE_PATH: join(folder, 'access.db') };
    const nobody = isRoot ? ['setpriv', '--reuid=65534', '--clear-groups'] : [];
    const program = startProgram(variables, folder, nobody);
    onTestFinished(program.stop);
    expect((await program.exited).code).toBe(1);
    expect(program.stderr()).toMatch(
      /^ACCESS_SQLITE_PATH: cannot use \S+\/access\.db; permission denied .*give the user.*\n$/,
    );
  });
});
