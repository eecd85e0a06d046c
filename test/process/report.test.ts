import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { cli } from '../support/cli.ts';
import { loggedDecision } from '../support/decision.ts';
import { temporaryFolder } from '../support/folder.ts';
import { SERVER } from '../support/service.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

const line = (decision: Record<string, unknown>) => `${JSON.stringify(loggedDecision(decision))}\n`;

describe('the command report', () => {
  it('reads standard input, and exits 1 for a file that is not there', async () => {
    const input = line({ outcome: 'issued', code: 'issued', videoId: 'v', durationMs: 1 });
    expect((await cli(['report', '-'], { input })).stdout).toContain('v');
    expect((await cli(['report', join(folder.path, 'none')])).code).toBe(1);
    expect((await cli(['report', '-'])).code).toBe(1);
  });

  it('reads a log packed by gzip from standard input, and writes CSV with --csv', async () => {
    const input = gzipSync(line({ videoId: 'film', outcome: 'issued', userId: 'a' }));
    const { stdout } = await cli(['report', '--csv', '-'], { input });
    expect(stdout.split('\n')[1]).toMatch(/^2026-11-24,film,-,1,1,/);
  });
});

describe('lines of a report that cannot be read', () => {
  it('make it exit 1, unless --skip-unreadable accepts them', async () => {
    const input = `${line({})}${line({ code: 7 })}`;
    const refused = await cli(['report', '--json', '-'], { input });
    const accepted = await cli(['report', '--json', '--skip-unreadable', '-'], { input });
    expect([refused.code, accepted.code]).toEqual([1, 0]);
    expect(accepted.stdout).toBe(refused.stdout);
  });
});

describe('the temporary file of a report', () => {
  /** Decisions whose user ids take more than the memory that SQLite may use. */
  const large = Array.from({ length: 60 }, (_, i) =>
    line({ videoId: 'film', outcome: 'issued', userId: `${i}`.padEnd(1_000_000, 'u') }),
  );
  const newFolder = (name: string) => {
    const path = join(folder.path, name);
    mkdirSync(path);
    return path;
  };

  it('is in --temp-dir, for its owner alone, and has no name that could remain', async () => {
    const tempDir = newFolder("owner's");
    const child = spawn(process.execPath, [SERVER, 'report', '--temp-dir', tempDir, '-']);
    onTestFinished(() => void child.kill('SIGKILL'));
    // What SIGKILL leaves unread.
    child.stdin.on('error', () => {});
    for (const text of large) child.stdin.write(text);
    const opened = () => openedFiles(child.pid ?? 0).filter(([, path]) => path.startsWith(tempDir));
    while (opened().length === 0) await delay(20);
    for (const [descriptor, path] of opened()) {
      expect(path).toMatch(/ \(deleted\)$/);
      expect(statSync(descriptor).mode & 0o777).toBe(0o600);
    }
    expect(readdirSync(tempDir)).toEqual([]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readdirSync(tempDir)).toEqual([]);
  });

  it('gives the same report as memory does', async () => {
    const input = large.join('');
    const tempDir = newFolder('same');
    const onDisk = await cli(['report', '--json', '--temp-dir', tempDir, '-'], { input });
    const inMemory = await cli(['report', '--json', '--temp-dir', '/proc', '-'], { input });
    expect(JSON.parse(onDisk.stdout)).toMatchObject([{ issued: 60, users: 60 }]);
    expect(inMemory.stdout).toBe(onDisk.stdout);
    expect([onDisk.stderr, readdirSync(tempDir)]).toEqual(['', []]);
  });

  it.each([
    ['--temp-dir', ['--temp-dir', '/proc'], {}],
    ['the folder of the system', [], { TMPDIR: '/proc' }],
  ])('is left out with one warning where %s cannot be written', async (_name, options, env) => {
    const input = line({ videoId: 'film', outcome: 'issued', userId: 'u' });
    const { code, stdout, stderr } = await cli(['report', '--json', ...options, '-'], {
      input,
      env,
    });
    expect([code, JSON.parse(stdout)]).toMatchObject([0, [{ video: 'film', users: 1 }]]);
    expect(stderr).toMatch(
      /^warning: \/proc: cannot be written, so the report is made in memory; .+; --temp-dir names another folder\n$/,
    );
  });

  it.each(['nowhere', 'a.log'])(
    'is refused with a sentence where --temp-dir is no folder: %s',
    async (name) => {
      writeFileSync(join(folder.path, 'a.log'), '');
      const { code, stdout, stderr } = await cli([
        'report',
        '--temp-dir',
        join(folder.path, name),
        '-',
      ]);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toContain('must be an existing folder');
    },
  );

  it('fails with a sentence that names the folder when there is no space', async () => {
    const tempDir = newFolder('full');
    const limited = 'ulimit -f 1000; exec "$@"';
    const command = [process.execPath, SERVER, 'report', '--temp-dir', tempDir, '-'];
    const child = spawn('sh', ['-c', limited, 'sh', ...command]);
    child.stdin.on('error', () => {}).end(large.join(''));
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^.*: cannot be written; .*\(SQLITE_\w+\); .*disk.*\n$/);
    expect(stderr.startsWith(`${tempDir}: `)).toBe(true);
  });
});

/** What a process has open: where to look at it, and its path. */
function openedFiles(pid: number): [descriptor: string, path: string][] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((name): [string, string][] => {
    const descriptor = `/proc/${pid}/fd/${name}`;
    try {
      return [[descriptor, readlinkSync(descriptor)]];
    } catch {
      return [];
    }
  });
}
