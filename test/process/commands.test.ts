import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { authorOfCommand } from '../../src/operator/directory.ts';
import { decode } from '../../src/token04/index.ts';
import { cli } from '../support/cli.ts';
import { temporaryFolder } from '../support/folder.ts';

const SECRET = 'abcdefghijklmnopqrstuvwxyzabcdef';
const LINES = `{"type":"user","id":"u"}
{"type":"video","id":"v","regions":["SG"]}
{"type":"room","id":"r","videoIds":["v"],"memberIds":["u"]}
`;
const TRIPLE = ['--user', 'u', '--room', 'r', '--video', 'v'];

const folder = temporaryFolder();
const env = {
  ZEGO_APP_ID: '1',
  ZEGO_SERVER_SECRET: SECRET,
  ACCESS_SQLITE_PATH: join(folder.path, 'access.db'),
};
afterAll(folder.remove);

describe('the commands', () => {
  it('import and export the directory', async () => {
    const imported = await cli(['directory', 'import', '-'], { env, input: LINES });
    expect(imported).toEqual({
      code: 0,
      stdout:
        'Imported 1 users, 1 videos and 1 rooms; entries that the file does not name are kept.\n',
      stderr: '',
    });
    const { stdout } = await cli(['directory', 'export'], { env });
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).id),
    ).toEqual(['u', 'v', 'r']);
  });

  it('name the bad line of an import, change nothing and exit 1', async () => {
    const before = await cli(['directory', 'export'], { env });
    const file = join(folder.path, 'bad.ndjson');
    writeFileSync(
      file,
      '{"type":"user","id":"new"}\n{"type":"room","id":"r2","videoIds":["nowhere"]}\n',
    );
    const { code, stderr } = await cli(['directory', 'import', file], { env });
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'line 2: there is no video nowhere\n' });
    expect(await cli(['directory', 'export'], { env })).toEqual(before);
    const missing = await cli(['directory', 'import', join(folder.path, 'no-such-file')], { env });
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('no such file') });
  });

  it('explain why a user may watch, and why not', async () => {
    const allowed = await cli(['explain', ...TRIPLE, '--country', 'SG'], { env });
    expect(allowed).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('A token would be issued.'),
    });
    const denied = await cli(['explain', ...TRIPLE, '--country', 'US'], { env });
    expect(denied.code).toBe(1);
    expect(denied.stdout).toContain(
      '✗ licence covers the country (it covers SG; the client is in US)',
    );
    expect(denied.stdout).toContain('The client is told: region_not_allowed');
    for (const country of ['sg', 'UK']) {
      expect(await cli(['explain', ...TRIPLE, '--country', country], { env })).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('must be a country of ISO 3166-1 in capitals'),
      });
    }
    const json = await cli(['explain', ...TRIPLE, '--json'], { env });
    expect(JSON.parse(json.stdout)).toMatchObject({ decision: { allow: false } });
  });

  it('explain a code or an access, and neither both nor a half', async () => {
    const one = await cli(['explain', '--code', 'video_ended']);
    expect(one).toMatchObject({ code: 0, stdout: expect.stringContaining('availableUntil') });
    const none = await cli(['explain', '--code', 'video_over']);
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('video_ended') });
    expect(await cli(['explain', '--code', 'video_ended', ...TRIPLE], { env })).toMatchObject({
      code: 2,
    });
    expect(await cli(['explain', '--user', 'u'], { env })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--room'),
    });
  });

  it('mint a token that reads as it was asked for', async () => {
    const { stdout } = await cli(['mint', ...TRIPLE, '--ttl', '120', '--json'], { env });
    const { token, expireAt } = JSON.parse(stdout);
    const { claims } = decode(token, { secrets: [SECRET], appId: 1 });
    expect(claims).toMatchObject({
      userId: 'u',
      payload: '{"room_id":"r","video_id":"v"}',
      expireAt,
    });
    expect(claims.expireAt - claims.createdAt).toBe(120);
    const plain = await cli(['mint', ...TRIPLE], { env });
    expect(plain.stdout).toMatch(/^04[A-Za-z0-9+/=]+\n$/);
  });

  it('refuse to mint what ZEGO would not take', async () => {
    for (const ttl of ['2073601', '0', '1.5']) {
      expect(await cli(['mint', ...TRIPLE, '--ttl', ttl], { env })).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("'--ttl <seconds>' argument"),
      });
    }
    expect((await cli(['mint', '--user', 'u'], { env })).code).toBe(2);
  });

  it('read and never create a database', async () => {
    const missing = { ...env, ACCESS_SQLITE_PATH: join(folder.path, 'mistyped.db') };
    for (const args of [
      ['directory', 'export'],
      ['explain', ...TRIPLE],
    ]) {
      const { code, stdout, stderr } = await cli(args, { env: missing });
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^ACCESS_SQLITE_PATH: cannot use .*mistyped\.db; no such file.*\n$/);
    }
    expect(existsSync(missing.ACCESS_SQLITE_PATH)).toBe(false);
  });

  it('list every bad line of an import, and keep nothing of a dry run', async () => {
    const before = await cli(['directory', 'export'], { env });
    const input = `{\n{"type":"user","id":"x"}\n[]\n`;
    const bad = await cli(['directory', 'import', '-'], { env, input });
    expect(bad.code).toBe(1);
    expect(bad.stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^line 1: /),
      expect.stringMatching(/^line 3: /),
      '2 lines are wrong; nothing was imported',
    ]);
    const dry = await cli(['directory', 'import', '--dry-run', '--replace', '-'], {
      env,
      input: '{"type":"user","id":"x"}',
    });
    expect(dry.stdout).toBe(
      'Would import 1 users, 0 videos and 0 rooms; entries that the file does not name are deleted.\n',
    );
    const empty = await cli(['directory', 'import', '--replace', '-'], { env });
    expect(empty).toMatchObject({ code: 1, stderr: expect.stringContaining('--replace') });
    expect(await cli(['directory', 'export'], { env })).toEqual(before);
  });

  it('take what an older release exported with --restore, and say what is wrong with it', async () => {
    const path = join(folder.path, 'old.db');
    const old = {
      env: { ...env, ACCESS_SQLITE_PATH: path },
      input: '{"type":"video","id":"v","regions":["UK"]}',
    };
    expect((await cli(['directory', 'import', '-'], old)).code).toBe(1);
    expect(await cli(['directory', 'import', '--restore', '-'], old)).toMatchObject({
      code: 0,
      stderr:
        'warning: line 1: regions.0: UK is not a country of ISO 3166-1; the United Kingdom is GB\n',
    });
  });

  it('end quietly when nobody reads on', async () => {
    for (const args of ['--help', 'doctor', 'directory export']) {
      const command = `"${process.execPath}" src/cli.ts ${args} | true`;
      const { stderr } = spawnSync('sh', ['-c', command], { env, encoding: 'utf8' });
      expect(stderr).not.toMatch(/EPIPE|^\s+at /m);
    }
  });

  it('end with a sentence when their output cannot be written', () => {
    for (const args of ['--help', 'doctor', 'directory export']) {
      const command = `"${process.execPath}" src/cli.ts ${args} >/dev/full`;
      const { stderr, status } = spawnSync('sh', ['-c', command], { env, encoding: 'utf8' });
      expect(stderr).toContain(
        'the output: cannot be written; no space is left on the disk (ENOSPC); make space on it\n',
      );
      expect({ args, status, trace: /^\s+at /m.test(stderr) }).toEqual({
        args,
        status: 1,
        trace: false,
      });
    }
  });

  it('say their version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(await cli(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('inspect a token from standard input', async () => {
    const { stdout: input } = await cli(['mint', ...TRIPLE], { env });
    const { code, stdout } = await cli(['inspect', '-'], { env, input });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringContaining('ZEGO would accept'),
    });
  });

  it('teach by --help', async () => {
    const { code, stdout } = await cli(['--help']);
    expect(code).toBe(0);
    for (const word of ['inspect', 'mint', 'explain', 'directory', 'Exit codes']) {
      expect(stdout).toContain(word);
    }
  });
});

it('a change by the command line is made by the user of the operating system', () => {
  expect(authorOfCommand(() => ({ username: 'ops' })).actor).toBe('cli:ops');
  const nameless = () => {
    throw new Error('no entry in /etc/passwd');
  };
  expect(authorOfCommand(nameless).actor).toBe(`cli:${process.getuid?.()}`);
  const { actor, requestId } = authorOfCommand();
  expect(actor).toMatch(/^cli:./);
  expect(authorOfCommand().requestId).not.toBe(requestId);
});
