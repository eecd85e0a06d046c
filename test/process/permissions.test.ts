import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BODY } from '../support/ask.ts';
import { cli } from '../support/cli.ts';
import { loggedDecision } from '../support/decision.ts';
import { FLAGS, imageFlags, PROCESS_FLAGS } from '../support/image.ts';
import { signFreshJwt } from '../support/jwt.ts';
import { writeSample } from '../support/sample.ts';
import {
  makeFolder,
  type Program,
  ready,
  startProgram,
  VARIABLES,
  type Variables,
} from '../support/service.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** A faster start needs it, and no start does. */
const CACHE = '/app/node_modules/.cache';

/** A folder that stands for the image's `/run` and `/app/data`, and the image's flags for it. */
async function image() {
  const folder = realpathSync(makeFolder());
  const [run, data] = [join(folder, 'run'), join(folder, 'data')];
  for (const path of [run, data]) mkdirSync(path);
  const { ZEGO_SERVER_SECRET = '', ...variables } = VARIABLES;
  writeFileSync(join(run, 'secret'), ZEGO_SERVER_SECRET);
  const flags = imageFlags({
    '/app': ROOT,
    '/app/data': data,
    [CACHE]: join(folder, 'cache'),
    '/run': run,
  });
  const ACCESS_SQLITE_PATH = await writeSample(data);
  const all = { ...variables, ZEGO_SERVER_SECRET_FILE: join(run, 'secret'), ACCESS_SQLITE_PATH };
  return {
    folder,
    run,
    data,
    flags,
    start(options: readonly string[], more: Variables = {}): Program {
      const program = startProgram({ ...all, ...more, NODE_OPTIONS: options.join(' ') }, folder);
      onTestFinished(program.stop);
      return program;
    },
  };
}

describe('under the permissions of the image', () => {
  it('a token is issued, a secret is read anew, and nothing is said on stderr', async () => {
    const { flags, start } = await image();
    const program = start(flags);
    const { public: origin } = await ready(program);
    const response = await fetch(`${origin}/video-token`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await signFreshJwt()}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(BODY),
    });
    expect([response.status, await response.json()]).toEqual([
      200,
      { token: expect.stringMatching(/^04/), expireAt: expect.any(Number) },
    ]);
    program.kill('SIGHUP');
    await program.line(({ msg }) => msg === 'secrets and keys reloaded');
    program.kill('SIGTERM');
    expect((await program.exited).code).toBe(0);
    expect(program.stderr()).toBe('');
  });

  it('/metrics has the open files, their limit and the memory of the process', async () => {
    const { flags, start } = await image();
    const { internal } = await ready(start([...flags, ...PROCESS_FLAGS]));
    const metrics = await (await fetch(`${internal}/metrics`)).text();
    for (const name of ['open_fds', 'max_fds', 'resident_memory_bytes']) {
      expect(metrics).toMatch(new RegExp(`^process_${name} [1-9]`, 'm'));
    }
  });

  it('the directory is made where there is none', async () => {
    const { folder, flags, start } = await image();
    const path = join(folder, 'data', 'new', 'access.db');
    await ready(start(flags, { ACCESS_SQLITE_PATH: path }));
  });

  it('a report is made in memory with a warning, and on disk where the data is', async () => {
    const { data, flags } = await image();
    const given = {
      env: { NODE_OPTIONS: flags.join(' ') },
      input: `${JSON.stringify(loggedDecision())}\n`,
    };
    const inMemory = await cli(['report', '--json', '-'], given);
    expect([inMemory.code, JSON.parse(inMemory.stdout)]).toMatchObject([0, [{ users: 1 }]]);
    expect(inMemory.stderr).toMatch(
      /^warning: .*so the report is made in memory; .*--temp-dir.*\n$/,
    );
    expect(await cli(['report', '--json', '--temp-dir', data, '-'], given)).toEqual({
      ...inMemory,
      stderr: '',
    });
  });

  it.each(FLAGS.filter((flag) => flag.startsWith('--allow-') && !flag.endsWith(CACHE)))(
    'there is no start without %s',
    async (flag) => {
      const { flags, start } = await image();
      const { code } = await start(flags.filter((_flag, index) => FLAGS[index] !== flag)).exited;
      expect(code).toBeGreaterThan(0);
    },
  );

  it('what an intruder would want is refused', async () => {
    const { folder, run, flags, start } = await image();
    const outside = JSON.stringify(join(folder, 'outside'));
    const attempts = {
      child: `(await import('node:child_process')).execFileSync('/bin/true')`,
      worker: `new (await import('node:worker_threads')).Worker('0', { eval: true })`,
      write: `(await import('node:fs')).writeFileSync(${outside}, '')`,
      'write to the program': `(await import('node:fs')).writeFileSync(${JSON.stringify(join(ROOT, 'src/x.ts'))}, '')`,
      'write to the secrets': `(await import('node:fs')).writeFileSync(${JSON.stringify(join(run, 'secret'))}, '')`,
      read: `(await import('node:fs')).readFileSync('/etc/passwd')`,
      'a link out of the data': `(await import('node:fs')).symlinkSync('/etc', ${JSON.stringify(join(folder, 'data', 'etc'))})`,
      addon: `process.dlopen({ exports: {} }, ${JSON.stringify(join(run, 'x.node'))})`,
      inspector: `(await import('node:inspector')).open(0)`,
      wasi: `new (await import('node:wasi')).WASI({ version: 'preview1' })`,
    };
    const module = join(run, 'intruder.mjs');
    const lines = Object.entries(attempts).map(
      ([name, code]) =>
        `try { ${code}; seen[${JSON.stringify(name)}] = 'done' } catch (error) { seen[${JSON.stringify(name)}] = error.code }`,
    );
    writeFileSync(
      module,
      `const seen = {};\n${lines.join('\n')}\nconsole.error(JSON.stringify(seen)); process.exit(7);`,
    );
    const program = start([...flags, '--import', module]);
    expect((await program.exited).code).toBe(7);
    const denied = Object.keys(attempts).map((name) => [
      name,
      name === 'addon' ? 'ERR_DLOPEN_DISABLED' : 'ERR_ACCESS_DENIED',
    ]);
    expect(JSON.parse(program.stderr())).toEqual(Object.fromEntries(denied));
  });
});
