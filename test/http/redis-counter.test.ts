import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { causeOf } from '../../src/causes.ts';
import { createMemoryCounter } from '../../src/http/rate-limit.ts';
import { createRedisCounter, type SharedCounter } from '../../src/http/redis-counter.ts';
import { freePort } from '../support/free-port.ts';
import { describeWith, startProgram, stopProgram } from '../support/program.ts';

const WINDOW_MS = 60_000;

describeWith('redis-server', 'rate limits in Redis', () => {
  let port: number;
  let redis: ChildProcess;
  let replicas: SharedCounter[];
  const changes: boolean[] = [];

  const start = () =>
    startProgram(
      'redis-server',
      ['--port', String(port), '--save', '', '--bind', '127.0.0.1'],
      port,
    );
  const open = (onChange: (shared: boolean) => void = () => {}) =>
    createRedisCounter({
      url: `redis://127.0.0.1:${port}`,
      fallback: createMemoryCounter(),
      onChange,
    });
  const count = async (replica: SharedCounter | undefined, key: string) =>
    (await replica?.increment(key, WINDOW_MS))?.count;
  const shared = (replica: SharedCounter | undefined) => async () => {
    await replica?.increment('probe', WINDOW_MS);
    return replica?.healthy();
  };

  beforeAll(async () => {
    port = await freePort();
    redis = await start();
    replicas = [open((now) => changes.push(now)), open(), open()];
    for (const replica of replicas) {
      await vi.waitFor(async () => expect(await shared(replica)()).toBe(true), 5_000);
    }
  });
  beforeEach(() => {
    changes.length = 0;
  });
  afterAll(async () => {
    for (const replica of replicas) replica.close();
    await stopProgram(redis);
  });

  it('are exact over three replicas that count at the same time', async () => {
    const counts = await Promise.all(
      Array.from({ length: 300 }, (_, index) => count(replicas[index % 3], 'exact')),
    );
    expect(counts.sort((a = 0, b = 0) => a - b)).toEqual(
      Array.from({ length: 300 }, (_, i) => i + 1),
    );
  });

  it('say how long the window still lasts', async () => {
    const window = await replicas[0]?.increment('window', WINDOW_MS);
    expect(window?.ttlMs).toBeGreaterThan(WINDOW_MS - 1_000);
    expect(window?.ttlMs).toBeLessThanOrEqual(WINDOW_MS);
  });

  it('are counted here within 300 ms when Redis stalls, and shared again when it goes on', async () => {
    redis.kill('SIGSTOP');
    const started = performance.now();
    expect(await count(replicas[0], 'stalled')).toBe(1);
    expect(performance.now() - started).toBeLessThan(300);
    expect(await count(replicas[0], 'stalled')).toBe(2);
    expect(replicas[0]?.healthy()).toBe(false);
    redis.kill('SIGCONT');
    await expect.poll(shared(replicas[0]), { timeout: 5_000 }).toBe(true);
    expect(changes).toEqual([false, true]);
  });

  it('are not called shared by a Redis that answers PING and refuses scripts', async () => {
    const admin = new Redis(port);
    onTestFinished(() => admin.disconnect());
    const refusals = async () =>
      Number(/errorstat_NOPERM:count=(\d+)/.exec(await admin.info('errorstats'))?.[1] ?? 0);
    await admin.call('ACL', 'SETUSER', 'default', '-@scripting');
    const seen: boolean[] = [];
    const counter = open((now) => seen.push(now));
    onTestFinished(counter.close);
    await vi.waitFor(async () => {
      await counter.increment('refused', WINDOW_MS);
      expect(await refusals()).toBeGreaterThan(0);
    }, 5_000);
    // Probes, once a second.
    await expect.poll(refusals, { timeout: 5_000 }).toBeGreaterThan(2);
    expect(seen).not.toContain(true);
    await admin.call('ACL', 'SETUSER', 'default', '+@all');
    await expect.poll(() => counter.healthy(), { timeout: 5_000 }).toBe(true);
    expect(seen.at(-1)).toBe(true);
  });

  it('are counted here when Redis is killed, and shared again within 5 s of its return', async () => {
    await stopProgram(redis, 'SIGKILL');
    expect(await count(replicas[0], 'killed')).toBe(1);
    expect(await count(replicas[0], 'killed')).toBe(2);
    redis = await start();
    await expect.poll(shared(replicas[0]), { timeout: 5_000 }).toBe(true);
    expect(changes).toEqual([false, true]);
  });
});

it('a Redis that refuses is told after a time-out, once, and not as a change of its own', async () => {
  let silent = true;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      // One reply for each command, which is an array.
      const commands = data.toString().match(/^\*\d+\r$/gm) ?? [];
      if (!silent) socket.write('-NOAUTH Authentication required.\r\n'.repeat(commands.length));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const told: string[] = [];
  const counter = createRedisCounter({
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fallback: createMemoryCounter(),
    onChange: (_shared, error) => told.push(causeOf(error).code),
  });
  onTestFinished(() => {
    counter.close();
    server.close();
  });
  await vi.waitFor(async () => {
    await counter.increment('a', WINDOW_MS);
    expect(told).toHaveLength(1);
  }, 5_000);
  silent = false;
  await vi.waitFor(async () => {
    await counter.increment('a', WINDOW_MS);
    expect(told.slice(1)).toEqual(['NOAUTH']);
  }, 10_000);
  for (let i = 0; i < 30; i++) await counter.increment('a', WINDOW_MS);
  expect(told).toHaveLength(2);
});
