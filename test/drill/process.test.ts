import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cli } from '../support/cli.ts';
import { temporaryFolder } from '../support/folder.ts';
import { signFreshJwt } from '../support/jwt.ts';
import { post, postOnce } from '../support/post.ts';
import { describeWith } from '../support/program.ts';
import { writeSample } from '../support/sample.ts';
import { type Service, startService } from '../support/service.ts';

async function start(variables: Record<string, string> = {}): Promise<Service> {
  const service = await startService(variables);
  onTestFinished(service.stop);
  return service;
}

describe('a process in trouble', () => {
  it('that stood still for 2 s sheds what has piled up, and recovers', async () => {
    const service = await start();
    expect((await post(service.origin)).status).toBe(200);
    const credential = await signFreshJwt();
    service.kill('SIGSTOP');
    const waiting = Array.from({ length: 20 }, () => postOnce(service.origin, credential));
    await delay(2_000);
    service.kill('SIGCONT');
    const answers = await Promise.all(waiting);
    expect(answers.map(({ code }) => code)).toContain('overloaded');
    for (const { ms } of answers) expect(ms).toBeLessThan(3_000);
    await expect
      .poll(async () => (await post(service.origin)).status, { timeout: 5_000 })
      .toBe(200);
  });

  it('with an error that nobody caught writes it down and ends within 10 s, not with 0', async () => {
    const folder = temporaryFolder();
    onTestFinished(folder.remove);
    const bug = join(folder.path, 'bug.mjs');
    writeFileSync(bug, `process.on('SIGUSR2', () => { throw new Error('canary-detail') })`);
    const service = await start({ NODE_OPTIONS: `--import ${bug}` });
    const started = performance.now();
    service.kill('SIGUSR2');
    expect((await service.exited).code).toBe(1);
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(await service.line(({ level }) => level === 'fatal')).toMatchObject({
      err: { name: 'Error' },
    });
    expect(service.stdout()).not.toContain('canary-detail');
  });

  it('that runs out of file descriptors answers again when clients leave', async () => {
    const service = await start();
    execFileSync('prlimit', ['--pid', String(service.pid), '--nofile=64:64']);
    const sockets: Socket[] = [];
    for (let i = 0; i < 100; i++)
      sockets.push(connect(service.port, '127.0.0.1').on('error', () => {}));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    for (const socket of sockets) socket.destroy();
    await expect
      .poll(async () => (await post(service.origin)).status, { timeout: 5_000 })
      .toBe(200);
  });
});

describe('a SQLite directory in trouble', () => {
  it('that an owner writes to for long is read all the while, and the event loop turns', async () => {
    const folder = temporaryFolder();
    onTestFinished(folder.remove);
    const path = await writeSample(folder.path);
    const service = await start({ ACCESS_SQLITE_PATH: path });
    const owner = new DatabaseSync(path);
    owner.exec(`BEGIN EXCLUSIVE; UPDATE users SET status = 'suspended'`);
    for (let i = 0; i < 20; i++) {
      const { status, ms } = await post(service.origin);
      expect(status).toBe(200);
      expect(ms).toBeLessThan(100);
    }
    owner.exec('COMMIT');
    owner.close();
    expect(await post(service.origin)).toMatchObject({ status: 403, code: 'user_not_allowed' });
  });

  it('that is damaged never grants, and is never a refusal of the user', async () => {
    const folder = temporaryFolder();
    onTestFinished(folder.remove);
    const path = await writeSample(folder.path);
    const service = await start({ ACCESS_SQLITE_PATH: path });
    const { length } = readFileSync(path);
    writeFileSync(path, Buffer.alloc(length, 0xa5));
    truncateSync(`${path}-wal`, 0);
    expect(await post(service.origin)).toMatchObject({
      status: 503,
      code: 'dependency_unavailable',
    });
    expect((await fetch(`${service.origin}/healthz`)).status).toBe(200);
  });

  it.runIf(process.getuid?.() === 0)(
    'on a full disk imports nothing, and is read as before',
    async () => {
      const folder = temporaryFolder();
      const disk = join(folder.path, 'disk');
      mkdirSync(disk);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=600k', 'tmpfs', disk]);
      onTestFinished(() => {
        spawnSync('umount', ['-l', disk]);
        folder.remove();
      });
      const path = await writeSample(disk);
      const service = await start({ ACCESS_SQLITE_PATH: path });
      const input = Array.from(
        { length: 100_000 },
        (_, i) => `{"type":"user","id":"user-${i}"}\n`,
      ).join('');
      const env = { ACCESS_SQLITE_PATH: path };
      const before = await cli(['directory', 'export'], { env });
      const { code, stderr } = await cli(['directory', 'import', '-'], { env, input });
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('full') });
      expect(await cli(['directory', 'export'], { env })).toEqual(before);
      expect((await post(service.origin)).status).toBe(200);
    },
  );
});

describeWith('faketime', 'a clock that is set', () => {
  it('back by an hour locks nobody out for an hour; forward by an hour, ends credentials', async () => {
    const folder = temporaryFolder();
    onTestFinished(folder.remove);
    const clock = join(folder.path, 'clock');
    writeFileSync(clock, '+0');
    const [library = ''] = spawnSync('faketime', ['-f', '+0s', 'sh', '-c', 'echo $LD_PRELOAD'])
      .stdout.toString()
      .trim()
      .split(':');
    const service = await start({
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      RATE_LIMIT_PER_USER: '3',
    });
    const now = Math.floor(Date.now() / 1000);
    const credential = await signFreshJwt({ exp: now + 600 });
    for (let i = 0; i < 3; i++) expect((await post(service.origin, credential)).status).toBe(200);
    writeFileSync(clock, '-3600');
    const limited = await post(service.origin, credential);
    expect(limited.status).toBe(429);
    expect(limited.retryAfter).toBeLessThanOrEqual(60);
    writeFileSync(clock, '+3600');
    const other = await signFreshJwt({ sub: 'bob', exp: now + 600 });
    expect(await post(service.origin, other)).toMatchObject({
      status: 401,
      code: 'credential_expired',
    });
  });
});
