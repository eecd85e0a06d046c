import { createWriteStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createDecisionStore, openTemporaryDatabase } from '../../src/operator/decision-store.ts';
import { report } from '../../src/operator/report.ts';
import { FORMATS, type ReportFormat, type Row } from '../../src/operator/report-format.ts';
import { runCommand } from '../support/command.ts';
import { loggedDecision } from '../support/decision.ts';
import { temporaryFolder } from '../support/folder.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

const line = (decision: Record<string, unknown>) => `${JSON.stringify(loggedDecision(decision))}\n`;

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

/** The report of a log, or of `-` for standard input. */
const sumUp = (file: string, format: ReportFormat = 'json') =>
  runCommand((terminal) =>
    report([file], { format, tempDir: folder.path, skipUnreadable: true, terminal }),
  );

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
    const { stdout } = await sumUp(path);
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
    const csv = await sumUp(path, 'csv');
    expect(csv.stdout.split('\n')[2]).toMatch(/^2026-11-24,film,SG,3,2,2,2.?\d*,0,video_ended 1$/);
  });

  it.each<[string, (text: string) => Buffer]>([
    ['packed by gzip', (text) => gzipSync(text)],
    ['packed by gzip, in two members', (text) => Buffer.concat([gzipSync(text), gzipSync('{}\n')])],
    ['of Docker Compose', (text) => Buffer.from(`replica1-1  | ${text}`)],
    ['of Kubernetes', (text) => Buffer.from(`2026-11-24T08:00:00.123456789Z stdout F ${text}`)],
  ])('reads a log %s, from a file and from standard input', async (_name, write) => {
    const path = join(folder.path, 'prefixed.log');
    const bytes = write(line({ videoId: 'film', outcome: 'issued', userId: 'a' }));
    writeFileSync(path, bytes);
    const { stdout } = await sumUp(path);
    expect(JSON.parse(stdout)).toMatchObject([{ video: 'film', issued: 1 }]);
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([bytes]) as never);
    onTestFinished(() => void vi.restoreAllMocks());
    expect(await sumUp('-')).toEqual({ code: 0, stdout, stderr: '' });
  });

  it('fails with one sentence when no line is a decision', async () => {
    const path = await writeLog('other.log', ['GET / 200\n', '{"event":"other"}\n']);
    const { code, stdout, stderr } = await sumUp(path, 'table');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe(
      `${path}: none of 2 lines is a decision of the service; give what it wrote to standard output\n`,
    );
  });

  it('leaves out the megabytes of zeros of a log that was cut while it was written', async () => {
    const hole = '\0'.repeat(1_000_000);
    const good = line({ videoId: 'film', outcome: 'issued', code: 'issued', userId: 'a' });
    const path = await writeLog('hole.log', [...Array(18).fill(hole), '\n', good]);
    const { stdout } = await sumUp(path);
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
    const lines = [...FORMATS[format](rows, 'video')];
    expect(lines.filter((line) => /\bv\d+\b/.test(line))).toHaveLength(150_000);
    if (format === 'json') expect(JSON.parse(lines.join('\n'))).toHaveLength(150_000);
  });

  it('prints each of 2,500 rows once, in their order', async () => {
    const films = Array.from({ length: 2_500 }, (_, i) => `v${String(i).padStart(4, '0')}`);
    const lines = films.map((videoId) => line({ userId: 'u', videoId }));
    const path = await writeLog('wide.log', lines.reverse());
    const { stdout } = await sumUp(path);
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

  it.each([
    ['=HYPERLINK("x")', `"'=HYPERLINK(""x"")"`],
    ['+1', `"'+1"`],
    ['-1', `"'-1"`],
    ['@SUM(A1)', `"'@SUM(A1)"`],
    ['＝1', `"'＝1"`],
    ['＠SUM(A1)', `"'＠SUM(A1)"`],
    ['＋1', `"'＋1"`],
    ['－1', `"'－1"`],
    [' =1', `" '=1"`],
    ['a;=1', `"a;'=1"`],
    ['a; ＝1', `"a; '＝1"`],
    ['a,=1', `"a,'=1"`],
    ['a";=1', `"a"";'=1"`],
    ["'=1", `"''=1"`],
    ['a,b', '"a,b"'],
    ['a;b', '"a;b"'],
    ['a=b-c', 'a=b-c'],
    ['-', '-'],
  ])('gives a spreadsheet no formula to run: %s', async (videoId, cell) => {
    const { stdout } = await sumUp(await writeLog('b.log', [line({ videoId })]), 'csv');
    expect(stdout.split('\n')[1]).toMatch(/^2026-11-24,/);
    expect(stdout.split('\n')[1]?.slice('2026-11-24,'.length).startsWith(`${cell},-,1,`)).toBe(
      true,
    );
  });

  it('counts lines that mention a decision and are none, and names the first', async () => {
    const path = await writeLog('mixed.log', [
      line({}),
      'GET /metrics 200\n',
      `user said ${line({ videoId: 'forged' })}`,
      line({}).slice(0, -9),
    ]);
    const run = (skipUnreadable: boolean) =>
      runCommand(async (terminal) => {
        const options = { format: 'json', tempDir: folder.path, skipUnreadable, terminal } as const;
        terminal.note(String(await report([path], options)));
      });
    const { stdout, stderr } = await run(false);
    expect(JSON.parse(stdout)).toMatchObject([{ video: 'film', issued: 1 }]);
    expect(stderr).toBe(
      `2 records contain video_token and are not decisions; they are in no row. The first: ${path}, line 3. Give one JSON object a line, as the service wrote it; with --skip-unreadable the command exits 0\nfalse\n`,
    );
    expect((await run(true)).stderr).toMatch(/^warning: 2 records .*\ntrue\n$/);
  });

  it.each([0, 1, 129, 20_000])('counts %i users that come twice exactly', async (size) => {
    const film = { videoId: 'film', country: 'SG', durationMs: 2 };
    const users = Array.from({ length: size }, (_, i) => ({ outcome: 'issued', userId: `u${i}` }));
    const refused = { outcome: 'denied', code: 'video_ended', userId: 'u0' };
    const lines = [...users, refused, ...users].map((decision) => line({ ...film, ...decision }));
    const path = await writeLog('users.log', lines);
    const { stdout } = await sumUp(path);
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
      const { stdout } = await sumUp(await writeLog('slow.log', logged));
      const [{ p50Ms, p99Ms }] = JSON.parse(stdout);
      return [p50Ms, p99Ms];
    };
    expect(await quantiles(lines)).toEqual([1, 20]);
    expect(await quantiles([...lines, ...took(500, 1)])).toEqual([20, 500]);
  });
});
