import { createWriteStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { createDistinctCounter } from '../../src/commands/distinct.ts';
import { cli } from '../support/cli.ts';
import { temporaryFolder } from '../support/folder.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

const line = (decision: object) =>
  `${JSON.stringify({ level: 'info', time: '2026-11-24T08:00:00.000Z', event: 'video_token', ...decision })}\n`;

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

  it.each(['--json', '--csv', '--table'])(
    'has a row for each of 150,000 films: %s',
    async (format) => {
      const decision = { outcome: 'issued', code: 'issued', userId: 'u', durationMs: 1 };
      const films = Array.from({ length: 150_000 }, (_, film) =>
        line({ ...decision, videoId: `v${film}` }),
      );
      const path = await writeLog('wide.log', films);
      const { stdout } = await cli(['report', ...(format === '--table' ? [] : [format]), path]);
      expect(stdout.match(/\bv\d+\b/g)).toHaveLength(150_000);
    },
  );

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

  it('counts different users within 3 %, however many there are', () => {
    for (const size of [0, 1, 100, 1_000, 100_000]) {
      const counter = createDistinctCounter();
      for (let i = 0; i < size; i++) {
        counter.add(`user-${i}`);
        counter.add(`user-${i}`);
      }
      expect(Math.abs(counter.count() - size)).toBeLessThanOrEqual(size * 0.03);
    }
  });

  it('reads standard input, and exits 1 for a file that is not there', async () => {
    const input = line({ outcome: 'issued', code: 'issued', videoId: 'v', durationMs: 1 });
    expect((await cli(['report', '-'], { input })).stdout).toContain('v');
    expect((await cli(['report', join(folder.path, 'none')])).code).toBe(1);
  });
});
