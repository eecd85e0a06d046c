import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  createWriteStream,
  mkdirSync,
  readdirSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { createDecisionStore } from '../../src/commands/decision-store.ts';
import { FORMATS, type ReportFormat, type Row } from '../../src/commands/report-format.ts';
import { openTemporaryDatabase } from '../../src/commands/temporary-database.ts';
import { cli } from '../support/cli.ts';
import { temporaryFolder } from '../support/folder.ts';
import { SERVER } from '../support/service.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

const line = (decision: object) =>
  `${JSON.stringify({ level: 'info', time: '2026-11-24T08:00:00.000Z', event: 'video_token', ...decision })}\n`;

const EMPTY: Row = {
  day: '2026-11-24',
  video: '',
  territory: 'SG',
  issued: 1,
  denied: {},
  failed: 0,
  users: 1,
  p50Ms: 1,
  p99Ms: 1,
};

async function writeLog(name: string, lines: Iterable<string>): Promise<string> {
  const path = join(folder.path, name);
  const stream = createWriteStream(path);
  for (const text of lines) stream.write(text);
  stream.end();
  await finished(stream);
  return path;
}

describe('the report of audit logs', () => {
  it('sums up by day, film and territory', async () => {
    const film = { videoId: 'film', country: 'SG', durationMs: 2 };
    const path = await writeLog('a.log', [
      line({ ...film, outcome: 'issued', code: 'issued', userId: 'a' }),
      line({ ...film, outcome: 'issued', code: 'issued', userId: 'a' }),
      line({ ...film, outcome: 'issued', code: 'issued', userId: 'b' }),
      line({ ...film, outcome: 'denied', code: 'video_ended', userId: 'c' }),
      line({ ...film, country: 'MY', outcome: 'denied', code: 'region_not_allowed' }),
      line({ ...film, time: '2026-11-25T00:00:00.000Z', outcome: 'failed', code: 'overloaded' }),
      '{"level":"info","msg":"ready"}\n',
      '{"event":"video_token","outcome":"iss',
    ]);
    const { stdout } = await cli(['report', '--json', path]);
    expect(JSON.parse(stdout)).toMatchObject([
      {
        day: '2026-11-24',
        territory: 'MY',
        issued: 0,
        users: 0,
        denied: { region_not_allowed: 1 },
      },
      {
        day: '2026-11-24',
        territory: 'SG',
        issued: 3,
        users: 2,
        denied: { video_ended: 1 },
        p50Ms: 2,
      },
      { day: '2026-11-25', territory: 'SG', issued: 0, failed: 1, denied: {} },
    ]);
    const csv = await cli(['report', '--csv', path]);
    expect(csv.stdout.split('\n')[2]).toMatch(/^2026-11-24,film,SG,3,2,2,2.?\d*,0,video_ended 1$/);
  });

  it.each<[string, (text: string) => string | Buffer]>([
    ['packed by gzip', (text) => gzipSync(text)],
    ['packed by gzip, in two members', (text) => Buffer.concat([gzipSync(text), gzipSync('{}\n')])],
    ['of Docker Compose', (text) => `replica1-1  | ${text}`],
    ['of Kubernetes', (text) => `2026-11-24T08:00:00.123456789Z stdout F ${text}`],
  ])('reads a log %s, from a file and from standard input', async (_name, write) => {
    const path = join(folder.path, 'prefixed.log');
    const bytes = write(line({ videoId: 'film', outcome: 'issued', userId: 'a' }));
    writeFileSync(path, bytes);
    const { stdout } = await cli(['report', '--json', path]);
    expect(JSON.parse(stdout)).toMatchObject([{ video: 'film', issued: 1 }]);
    expect(await cli(['report', '--json', '-'], { input: bytes })).toMatchObject({ stdout });
  });

  it('fails with one sentence when no line is a decision', async () => {
    const path = await writeLog('other.log', ['GET / 200\n', '{"event":"other"}\n']);
    const { code, stdout, stderr } = await cli(['report', path]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe(
      `${path}: none of 2 lines is a decision of the service; give what it wrote to standard output\n`,
    );
    expect(await cli(['report', '-'])).toMatchObject({ code: 1 });
  });

  it('leaves out the megabytes of zeros of a log that was cut while it was written', async () => {
    const hole = '\0'.repeat(1_000_000);
    const good = line({ videoId: 'film', outcome: 'issued', code: 'issued', userId: 'a' });
    const path = await writeLog('hole.log', [...Array(18).fill(hole), '\n', good]);
    const { stdout } = await cli(['report', '--json', path]);
    expect(JSON.parse(stdout)).toMatchObject([{ issued: 1 }]);
  });

  it.each<ReportFormat>(['json', 'csv', 'table'])('writes 150,000 rows as %s', (format) => {
    const rows: Iterable<Row> = {
      *[Symbol.iterator]() {
        for (let film = 0; film < 150_000; film++) {
          yield { ...EMPTY, video: `v${film}` };
        }
      },
    };
    const lines = [...FORMATS[format](rows)];
    expect(lines.filter((line) => /\bv\d+\b/.test(line))).toHaveLength(150_000);
    if (format === 'json') expect(JSON.parse(lines.join('\n'))).toHaveLength(150_000);
  });

  it('prints each of 2,500 rows once, in their order', async () => {
    const films = Array.from({ length: 2_500 }, (_, i) => `v${String(i).padStart(4, '0')}`);
    const lines = films.map((videoId) => line({ outcome: 'issued', userId: 'u', videoId }));
    const path = await writeLog('wide.log', lines.reverse());
    const { stdout } = await cli(['report', '--json', path]);
    expect(JSON.parse(stdout).map(({ video }: Row) => video)).toEqual(films);
  });

  it('keeps 60,000 films apart that take turns, and sorts them', () => {
    const database = openTemporaryDatabase(folder.path, () => {
      throw new Error('in memory');
    });
    onTestFinished(() => database.db.close());
    const store = createDecisionStore(database);
    const decision = { day: '2026-11-24', territory: 'SG', outcome: 'issued', code: '' } as const;
    for (let i = 0; i < 120_000; i++) {
      store.add({ ...decision, video: `v${i % 60_000}`, user: `u${i}`, durationMs: 1 });
    }
    const rows = [...store.rows()];
    expect(rows).toHaveLength(60_000);
    expect(new Set(rows.map(({ issued, users }) => `${issued} ${users}`))).toEqual(
      new Set(['2 2']),
    );
    const videos = rows.map(({ video }) => video);
    expect(videos).toEqual([...videos].sort());
  });

  it('gives a spreadsheet no formula to run, and quotes what CSV must quote', async () => {
    const decision = { outcome: 'issued', code: 'issued', durationMs: 1, country: 'SG' };
    const path = await writeLog('b.log', [
      line({ ...decision, videoId: '=HYPERLINK("x")' }),
      line({ ...decision, videoId: 'a,b' }),
    ]);
    const { stdout } = await cli(['report', '--csv', path]);
    expect(stdout).toContain(`"'=HYPERLINK(""x"")"`);
    expect(stdout).toContain('"a,b"');
  });

  it.each([0, 1, 129, 20_000])('counts %i users that come twice exactly', async (size) => {
    const film = { videoId: 'film', country: 'SG', durationMs: 2 };
    const users = Array.from({ length: size }, (_, i) => ({ outcome: 'issued', userId: `u${i}` }));
    const refused = { outcome: 'denied', code: 'video_ended', userId: 'u0' };
    const lines = [...users, refused, ...users].map((decision) => line({ ...film, ...decision }));
    const path = await writeLog('users.log', lines);
    const { stdout } = await cli(['report', '--json', path]);
    expect(JSON.parse(stdout)).toMatchObject([
      { issued: 2 * size, users: size, denied: { video_ended: 1 } },
    ]);
  });

  it('says how long half of the decisions took at most, and 99 in 100, whatever they were', async () => {
    const took = (durationMs: number, count: number) =>
      Array.from({ length: count }, (_, i) =>
        line({ videoId: 'film', outcome: i % 2 ? 'issued' : 'denied', code: 'x', durationMs }),
      );
    const lines = [...took(500, 10), ...took(20, 490), ...took(1, 500)];
    const quantiles = async (logged: readonly string[]) => {
      const { stdout } = await cli(['report', '--json', await writeLog('slow.log', logged)]);
      const [{ p50Ms, p99Ms }] = JSON.parse(stdout);
      return [p50Ms, p99Ms];
    };
    expect(await quantiles(lines)).toEqual([1, 20]);
    expect(await quantiles([...lines, ...took(500, 1)])).toEqual([20, 500]);
  });

  it('reads standard input, and exits 1 for a file that is not there', async () => {
    const input = line({ outcome: 'issued', code: 'issued', videoId: 'v', durationMs: 1 });
    expect((await cli(['report', '-'], { input })).stdout).toContain('v');
    expect((await cli(['report', join(folder.path, 'none')])).code).toBe(1);
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
      expect(stderr).toContain('must be a folder that is there');
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
