import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cli } from '../support/cli.ts';
import { temporaryFolder } from '../support/folder.ts';
import { freePort } from '../support/free-port.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DEMO = fileURLToPath(new URL('../../tools/demo.ts', import.meta.url));

/** Reads until the demo serves and the log has its request, whichever comes first. */
const READ_ALL = `while read -r line; do
  case "$line" in *'until Ctrl-C'*) served=1 ;; *'"event"'*) logged=1 ;; esac
  test "$served$logged" = 11 && break
done`;

describe('the demo', () => {
  it('gets a token from the real service over HTTP, shows it, and ends', async () => {
    const port = await freePort();
    const foreign = { AUTH_JWKS_URL: 'http://nowhere.example', TOKEN_TTL_SECONDS: 'nonsense' };
    const { code, stdout } = await cli(['--once'], {
      env: { PORT: String(port), ...foreign },
      program: DEMO,
    });
    expect(code).toBe(0);
    expect(stdout).toContain(`curl http://127.0.0.1:${port}/video-token`);
    expect(stdout).toMatch(/"token": "04[A-Za-z0-9+/=]+"/);
    expect(stdout).toMatch(/userId +User_123/);
    expect(stdout).toContain('{"room_id":"room_123","video_id":"249850980283048"}');
  });

  it('fails with what to do when its port is taken', async () => {
    const holder = await start(process.execPath, [DEMO]);
    await holder.serving();
    const { code, stderr } = await cli([], { env: { PORT: holder.port }, program: DEMO });
    expect(code).toBe(1);
    expect(stderr).toContain('PORT=8081 npm run demo takes port 8081');
  });

  it('refuses an option that it does not have', async () => {
    expect(await cli(['--twice'], { program: DEMO })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("unknown option '--twice'"),
    });
  });
});

describe('the demo ends with its service and removes its folder', () => {
  it.each<[string, (npm: ChildProcess) => void]>([
    ['npm is killed', (npm) => npm.kill('SIGKILL')],
    ['npm is asked to end', (npm) => npm.kill('SIGTERM')],
    ['its terminal is closed', ({ pid = 0 }) => process.kill(-pid, 'SIGHUP')],
    ['Ctrl-C is pressed', ({ pid = 0 }) => process.kill(-pid, 'SIGINT')],
  ])('when %s', async (_name, end) => {
    const demo = await start('npm', ['run', 'demo']);
    await demo.serving();
    end(demo.child);
    await demo.gone();
    expect(demo.left()).toEqual([]);
  });

  it('when nobody reads its first line', async () => {
    const demo = await start('sh', ['-c', 'npm run demo | head -3']);
    await once(demo.child, 'exit');
    await demo.gone();
    expect(demo.left()).toEqual([]);
  });

  it('when nobody reads the line of a later request', async () => {
    const script = `npm run demo | { ${READ_ALL}; exec <&-; echo closed; }`;
    const demo = await start('sh', ['-c', script]);
    await says(demo.child, 'closed');
    await fetch(`http://127.0.0.1:${demo.port}/video-token`, { method: 'POST' });
    await demo.gone();
    expect(demo.left()).toEqual([]);
  });
});

it('the service of the demo ends when the demo is killed', async () => {
  const demo = await start(process.execPath, [DEMO]);
  await demo.serving();
  demo.child.kill('SIGKILL');
  await demo.gone();
});

/** Starts the demo on a port of its own, in a group that the end of the test kills. */
async function start(command: string, args: readonly string[]) {
  const port = String(await freePort());
  const [home, folder] = [temporaryFolder(), temporaryFolder()];
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: home.path, PORT: port, TMPDIR: folder.path },
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const group = child.pid ?? 0;
  onTestFinished(() => {
    if (isAlive(group)) process.kill(-group, 'SIGKILL');
    for (const { remove } of [home, folder]) remove();
  });
  return {
    child,
    port,
    /** Its temporary folders that are left; npm keeps a cache beside them. */
    left: () => readdirSync(folder.path).filter((name) => name.startsWith('zego-')),
    serving: () => says(child, 'until Ctrl-C'),
    /** Resolves when no process of the group is left; the port is free then. */
    async gone() {
      while (isAlive(group)) await delay(50);
      const socket = connect(Number(port), '127.0.0.1');
      await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    },
  };
}

async function says({ stdout }: ChildProcess, words: string): Promise<void> {
  let text = '';
  stdout?.setEncoding('utf8');
  for await (const chunk of stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    text += chunk;
    if (text.includes(words)) break;
  }
  stdout?.resume();
}

/** Whether a process of the group runs: one that nobody waits for stays as a zombie (proc(5)). */
function isAlive(group: number): boolean {
  return readdirSync('/proc').some((pid) => {
    try {
      const [, state, leader] =
        /.*\) (\S) \d+ (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
      return Number(leader) === group && state !== 'Z';
    } catch {
      return false;
    }
  });
}
