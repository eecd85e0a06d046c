import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { signFreshJwt } from '../support/jwt.ts';
import { writeSample } from '../support/sample.ts';
import { makeFolder, SERVER, VARIABLES } from '../support/service.ts';

const BODY = JSON.stringify({ roomId: 'room', videoId: 'film' });
const IN_TIME_MS = 12_000;

/** The service with its standard output in a pipe that nobody reads until the test does. */
async function startUnread() {
  const port = await freePort();
  const folder = makeFolder();
  const path = await writeSample(folder);
  const env = { ...VARIABLES, PORT: String(port), ACCESS_SQLITE_PATH: path };
  const child = spawn(process.execPath, [SERVER], {
    cwd: folder,
    env: { ...env, LOG_LEVEL: 'warn' },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  child.stdout.pause();
  const origin = `http://127.0.0.1:${port}`;
  await serving(origin);
  return { child, origin };
}

async function serving(origin: string): Promise<void> {
  const probe = () =>
    fetch(`${origin}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  await expect.poll(probe, { timeout: 20_000 }).toBe(true);
}

/** Asks until the answers are no tokens any more, and says how many were issued. */
async function askUntilRefused(origin: string, credential: string) {
  const headers = { authorization: `Bearer ${credential}`, 'content-type': 'application/json' };
  const ask = () => fetch(`${origin}/video-token`, { method: 'POST', headers, body: BODY });
  let issued = 0;
  for (;;) {
    const answers = await Promise.all(Array.from({ length: 50 }, ask));
    for (const answer of answers) {
      if (answer.status === 200) issued++;
      await answer.arrayBuffer();
    }
    const refused = answers.find(({ status }) => status !== 200);
    if (refused) return { issued, refused, ask };
  }
}

it('refuses tokens whose audit line cannot be written, and recovers when output is read', async () => {
  const { child, origin } = await startUnread();
  const { issued, refused, ask } = await askUntilRefused(origin, await signFreshJwt());
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).not.toBeNull();
  expect((await fetch(`${origin}/readyz`)).status).toBe(503);
  expect((await fetch(`${origin}/healthz`)).status).toBe(200);

  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stdout.resume();
  await expect.poll(async () => (await ask()).status, { timeout: 10_000 }).toBe(200);
  expect((await fetch(`${origin}/readyz`)).status).toBe(200);
  const lines = () => output.split('\n').filter((line) => line.includes('"outcome":"issued"'));
  await expect.poll(() => lines().length, { timeout: 10_000 }).toBeGreaterThanOrEqual(issued);
  await expect.poll(() => output, { timeout: 10_000 }).toContain('audit log was blocked');
});

it('ends in time on SIGTERM while nobody reads its output', async () => {
  const { child, origin } = await startUnread();
  await askUntilRefused(origin, await signFreshJwt());
  const started = performance.now();
  child.kill('SIGTERM');
  await once(child, 'exit');
  expect(performance.now() - started).toBeLessThan(IN_TIME_MS);
});

it('refuses tokens while the disk behind its output is full', async () => {
  const port = await freePort();
  const folder = makeFolder();
  const path = await writeSample(folder);
  const env = { ...VARIABLES, PORT: String(port), ACCESS_SQLITE_PATH: path };
  const command = 'exec "$0" "$1" > /dev/full';
  const child = spawn('/bin/sh', ['-c', command, process.execPath, SERVER], { cwd: folder, env });
  onTestFinished(() => void child.kill('SIGKILL'));
  const origin = `http://127.0.0.1:${port}`;
  await serving(origin);
  await expect
    .poll(async () => (await fetch(`${origin}/readyz`)).status, { timeout: 5_000 })
    .toBe(503);
  const { issued, refused } = await askUntilRefused(origin, await signFreshJwt());
  expect({ issued, status: refused.status }).toEqual({ issued: 0, status: 503 });
});

it('refuses tokens while the reader of its output is gone, and loses no line when it is back', async () => {
  const port = await freePort();
  const folder = makeFolder();
  const path = await writeSample(folder);
  const fifo = join(folder, 'log');
  execFileSync('mkfifo', [fifo]);
  const env = { ...VARIABLES, PORT: String(port), ACCESS_SQLITE_PATH: path };
  const command = 'exec "$0" "$1" > "$2"';
  const child = spawn('/bin/sh', ['-c', command, process.execPath, SERVER, fifo], {
    cwd: folder,
    env,
  });
  const first = spawn('cat', [fifo]);
  onTestFinished(() => void child.kill('SIGKILL'));
  const origin = `http://127.0.0.1:${port}`;
  await serving(origin);
  const credential = await signFreshJwt();
  const ask = (id: string) =>
    fetch(`${origin}/video-token`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${credential}`,
        'content-type': 'application/json',
        'x-request-id': id,
      },
      body: BODY,
    });
  first.kill('SIGKILL');
  await once(first, 'exit');
  await ask('before-the-break');
  const readiness = async () => (await fetch(`${origin}/readyz`)).status;
  await expect.poll(readiness, { timeout: 10_000 }).toBe(503);
  expect((await ask('refused')).status).toBe(503);

  const second = spawn('cat', [fifo]);
  onTestFinished(() => void second.kill('SIGKILL'));
  let output = '';
  second.stdout.on('data', (chunk) => {
    output += chunk;
  });
  await expect.poll(readiness, { timeout: 10_000 }).toBe(200);
  expect((await ask('after-the-break')).status).toBe(200);
  await expect.poll(() => output, { timeout: 10_000 }).toContain('after-the-break');
  expect(output).toContain('before-the-break');
});
