import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { FLAGS, PROCESS_FLAGS } from '../support/image.ts';
import { describeWith } from '../support/program.ts';
import { makeFolder, ready, startProgram, VARIABLES } from '../support/service.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const UNIT = join(ROOT, 'deploy/systemd/zego-video-token.service');
const text = readFileSync(UNIT, 'utf8');
const [node = '', ...words] = (/^ExecStart=((?:.*\\\n)*.*)$/m.exec(text)?.[1] ?? '').split(
  /[\s\\]+/,
);
const flags = words.filter((word) => word.startsWith('--'));

it('the unit starts the program with the permissions that it has in the image', () => {
  expect(words.at(-1)).toBe('src/start.js');
  const names = (given: readonly string[]) =>
    given.map((flag) => flag.replace(/=\/(?!proc).*/, ''));
  expect(new Set(names(flags))).toEqual(new Set(names([...FLAGS, ...PROCESS_FLAGS])));
});

it('what the unit starts serves, reads its files again and stops', async () => {
  const folder = realpathSync(makeFolder());
  const places = {
    '/opt/zego-video-token': ROOT,
    '/etc/zego-video-token': join(folder, 'etc'),
    '/var/lib/zego-video-token': join(folder, 'data'),
  };
  for (const path of [places['/etc/zego-video-token'], places['/var/lib/zego-video-token']])
    mkdirSync(path);
  const secret = join(places['/etc/zego-video-token'], 'secret');
  const { ZEGO_SERVER_SECRET = '', ...variables } = VARIABLES;
  writeFileSync(secret, ZEGO_SERVER_SECRET);
  const moved = flags.map((flag) => {
    const [name, place = ''] = flag.split('=');
    return place in places ? `${name}=${places[place as keyof typeof places]}` : flag;
  });
  const program = startProgram(
    {
      ...variables,
      ZEGO_SERVER_SECRET_FILE: secret,
      ACCESS_SQLITE_PATH: join(places['/var/lib/zego-video-token'], 'access.db'),
      NODE_OPTIONS: moved.join(' '),
    },
    folder,
  );
  onTestFinished(program.stop);
  const { public: origin } = await ready(program);
  expect((await fetch(`${origin}/readyz`)).status).toBe(200);
  program.kill('SIGHUP');
  await program.line(({ msg }) => msg === 'secrets and keys reloaded');
  program.kill('SIGTERM');
  expect(await program.exited).toMatchObject({ code: 0 });
});

describeWith('systemd-analyze', 'systemd', () => {
  it('finds no fault in the unit', () => {
    const folder = makeFolder();
    const path = join(folder, 'zego-video-token.service');
    // The program is not installed here.
    writeFileSync(path, text.replace(node, process.execPath));
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });
});
