import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openSqliteDatabase } from '../../src/directory/sqlite/database.ts';
import { cli } from '../support/cli.ts';
import { temporaryFolder } from '../support/folder.ts';
import { SERVER, VARIABLES } from '../support/service.ts';
import { writings } from '../support/writings.ts';

const CANARY = 'canary-password-0c2f7be14d5a4936';
const { path: folder, remove } = temporaryFolder();
const file = (name: string) => join(folder, name);
const good = { ACCESS_SQLITE_PATH: file('good.db') };
const backend = {
  ACCESS_MODE: 'http',
  ACCESS_HTTP_URL: 'https://b.example/',
  ACCESS_HTTP_SECRET: CANARY,
};

beforeAll(async () => {
  mkdirSync(file('folder'));
  writeFileSync(file('cut.gz'), gzipSync('{"event":"video_token"}\n'.repeat(9)).subarray(0, 24));
  writeFileSync(file('other.ndjson'), '{"type":"usr","id":"a"}\n');
  writeFileSync(file('typo.ndjson'), '{"type":"user","id":"a","statuss":"active"}\n');
  writeFileSync(file('steer.ndjson'), '{"type":"user","id":"a","x\\u001b[2J\\ny":1}\n');
  writeFileSync(file('number.ndjson'), '{"type":"user","id":5}\n');
  writeFileSync(file('none.ndjson'), '{"type":"user"}\n');
  const video = { type: 'video', id: 'v', availableUntil: 1_800_000_000_000 };
  writeFileSync(file('milliseconds.ndjson'), `${JSON.stringify(video)}\n`);
  await (await openSqliteDatabase(file('good.db'))).close();
});
afterAll(remove);

type Mistake = [args: string, environment: Record<string, string>, code: number, line: RegExp];

const MISTAKES: Mistake[] = [
  ['directory import $/nowhere', good, 1, /^.*\/nowhere: cannot be read; no such file/],
  ['directory import $/folder', good, 1, /^.*\/folder: cannot be read; it is a folder/],
  ['directory import $/other.ndjson', good, 1, /^line 1: type: must be one of user, video, room/],
  ['directory import $/typo.ndjson', good, 1, /^line 1: .*"statuss"; did you mean status\?/],
  ['directory import $/steer.ndjson', good, 1, /^line 1: .*unknown field "x\[2Jy"$/],
  ['directory import $/number.ndjson', good, 1, /^line 1: id: must be text/],
  ['directory import $/none.ndjson', good, 1, /^line 1: id: is required/],
  ['directory import $/milliseconds.ndjson', good, 1, /^line 1: availableUntil: .*milliseconds/],
  ['directory import $/other.ndjson', backend, 2, /^ACCESS_MODE: .*sqlite and postgres/],
  ['directory export', backend, 2, /^ACCESS_MODE: .*sqlite and postgres/],
  ['report $/nowhere', {}, 1, /^.*\/nowhere: cannot be read; no such file/],
  ['report $/folder', {}, 1, /^.*\/folder: cannot be read; it is a folder/],
  ['report $/cut.gz', {}, 1, /^.*\/cut\.gz: cannot be read; the file ends too early/],
  ['explain --jwt $/nowhere', {}, 1, /^.*\/nowhere: cannot be read; no such file/],
];

/** Runs a command as its name in the image does. */
async function run(args: string, environment: Record<string, string>) {
  const env = { ...VARIABLES, ...environment };
  const words = args.split(' ').map((word) => word.replace('$', folder));
  const result = await cli(words, { env, cwd: folder, program: SERVER });
  const said = result.stdout + result.stderr;
  expect(writings(CANARY).filter((text) => said.includes(text))).toEqual([]);
  expect(said).not.toMatch(/^\s+at |node:internal|node_modules/m);
  return { ...result, lines: result.stderr.trimEnd().split('\n') };
}

describe('a mistake with a command', () => {
  it.each(MISTAKES)('is one line: %s', async (args, environment, code, line) => {
    expect(await run(args, environment)).toMatchObject({
      code,
      stdout: '',
      lines: [expect.stringMatching(line)],
    });
  });

  it.each([
    ['mint --user u --room r --video v', { ZEGO_APP_ID: '', ZEGO_APPID: '1' }, 2],
    ['directory export', { ...good, ACCESS_SQLITE_PATH: file('no.db'), ACESS_MODE: 'postgres' }, 1],
  ])('is told with the name that is mistyped: %s', async (args, environment, code) => {
    const result = await run(args, environment);
    expect(result).toMatchObject({
      code,
      lines: [
        expect.any(String),
        expect.stringMatching(/did you mean (ZEGO_APP_ID|ACCESS_MODE)\?/),
      ],
    });
  });
});

describe('doctor', () => {
  it('prints nothing of a server or an address that would steer a terminal', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {}).on('data', () => socket.write('-NO\u001b[2J told\r\n'));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { code, stdout } = await run('doctor', {
      ...good,
      AUTH_JWT_SECRET: '',
      AUTH_JWKS_URL: `http://127.0.0.1:${port}/a\u001b[2J\nb`,
      AUTH_ISSUER: 'i',
      AUTH_AUDIENCE: 'a',
      REDIS_URL: `redis://127.0.0.1:${port}`,
    });
    expect(code).toBe(1);
    expect(stdout).not.toMatch(/(?!\n)\p{Cc}/u);
    expect(stdout).toContain('/a%1B[2Jb from');
    expect(stdout).toContain('(UNKNOWN)');
  });

  it('changes nothing in a directory, not even how SQLite writes it', async () => {
    const db = new DatabaseSync(file('good.db'));
    db.exec('PRAGMA journal_mode = DELETE');
    db.close();
    const before = readFileSync(file('good.db'));
    const { code, stdout } = await run('doctor', good);
    expect([code, stdout]).toEqual([0, expect.stringContaining('it has no room')]);
    expect(readFileSync(file('good.db')).equals(before)).toBe(true);
  });
});
