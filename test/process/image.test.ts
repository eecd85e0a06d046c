import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, cli } from '../support/cli.ts';
import { loggedDecision } from '../support/decision.ts';
import { temporaryFolder } from '../support/folder.ts';
import { copyImage, imageFlags } from '../support/image.ts';
import { VARIABLES } from '../support/service.ts';

const LINES = `{"type":"user","id":"u"}
{"type":"video","id":"v"}
{"type":"room","id":"r","videoIds":["v"],"memberIds":["u"]}
`;
const DECISION = `${JSON.stringify(loggedDecision({ videoId: 'v' }))}\n`;
const TRIPLE = ['--user', 'u', '--room', 'r', '--video', 'v'];

type Case = { args: string[]; input?: string; code: number; stdout: RegExp };

/** A use of each command, and what it answers. They run in this order. */
const USES: Record<string, Case> = {
  'directory import': {
    args: ['-'],
    input: LINES,
    code: 0,
    stdout: /^Imported 1 users, 1 videos and 1 rooms/,
  },
  'directory find': { args: ['users', 'u'], code: 0, stdout: /^u {2}active/ },
  preflight: {
    args: ['--room', 'r', '--video', 'v', '--at', '2000000000', '--minutes', '90'],
    code: 0,
    stdout: /^✓ All 1 members can watch until the end\./,
  },
  'directory export': { args: [], code: 0, stdout: /^\{"type":"user","id":"u"/ },
  explain: { args: TRIPLE, code: 0, stdout: /A token would be issued\./ },
  mint: { args: TRIPLE, code: 0, stdout: /^04\S+\n$/ },
  inspect: { args: ['04no-token'], code: 1, stdout: /✗/ },
  'user-id': { args: ['https://id.example', 'u'], code: 0, stdout: /^u\n$/ },
  doctor: { args: ['--json'], code: 0, stdout: /"check":"clock"/ },
  report: {
    args: ['--json', '--temp-dir', 'data', '-'],
    input: DECISION,
    code: 0,
    stdout: /"video":"v"/,
  },
  'admin-key': {
    args: ['support', '--role', 'read'],
    code: 0,
    stdout: /^[\w-]{43}\n\{"name":"support"/,
  },
  'directory forget': { args: ['nobody'], code: 0, stdout: /^Deleted 0 changes of nobody/ },
  help: { args: ['mint'], code: 0, stdout: /^Usage: zego-video-token mint/ },
};

const folder = temporaryFolder();
const app = join(realpathSync(folder.path), 'app');
beforeAll(() => copyImage(app));
afterAll(folder.remove);

describe('in the image, with what the Dockerfile copies and packages for production alone,', () => {
  it('every command that --help lists has a use here', async () => {
    const names = commandsIn((await run(['--help'])).stdout);
    const nested = commandsIn((await run(['directory', '--help'])).stdout);
    const all = [...names.filter((name) => name !== 'directory'), ...under('directory', nested)];
    expect(new Set(all)).toEqual(new Set(Object.keys(USES)));
  });

  it.each(Object.entries(USES))('%s answers as it should', async (name, use) => {
    const { args, input = '', code, stdout } = use;
    const result = await run([...name.split(' '), ...args], input);
    expect(result).toEqual({
      code,
      stdout: expect.stringMatching(stdout),
      stderr: expect.not.stringMatching(/cannot find|no such file|ERR_|^\s+at /im),
    });
  });

  it('there are no packages for development', () => {
    expect(existsSync(join(app, 'node_modules/fastify'))).toBe(true);
    expect(existsSync(join(app, 'node_modules/vitest'))).toBe(false);
  });
});

/** Runs a command as the image's entry point does. */
function run(args: readonly string[], input = ''): Promise<CliResult> {
  const flags = imageFlags({
    '/app': app,
    '/app/data': join(app, 'data'),
    '/app/node_modules/.cache': join(app, 'node_modules/.cache'),
  });
  const env = {
    ...VARIABLES,
    ACCESS_SQLITE_PATH: join(app, 'data/access.db'),
    NODE_OPTIONS: flags.join(' '),
  };
  return cli(args, { program: join(app, 'src/start.js'), cwd: app, env, input });
}

/** The names in the list of commands; lines that go on are indented further. */
function commandsIn(help: string): string[] {
  const [, list = ''] = help.split(/^Commands:\n/m);
  return under(
    '',
    [...list.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name]) => name as string),
  );
}

function under(parent: string, names: readonly string[]): string[] {
  return names
    .filter((name) => parent === '' || name !== 'help')
    .map((name) => `${parent} ${name}`.trim());
}
