import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { createMemoryCounter } from '../../src/http/rate-limit.ts';
import {
  createRedisCounter,
  type RedisCounterOptions,
  type SharedCounter,
} from '../../src/http/redis-counter.ts';
import { causeOf } from '../../src/messages/causes.ts';
import { freePort } from '../support/free-port.ts';
import { describeWith, startProgram, stopProgram } from '../support/program.ts';

const WINDOW_MS = 60_000;

describeWith('redis-server', 'rate limits in Redis', () => {
  let port: number;
  let redis: ChildProcess;
  let replicas: SharedCounter[];
  const changes: boolean[] = [];
  const reasons: unknown[] = [];

  const start = () =>
    startProgram(
      'redis-server',
      ['--port', String(port), '--save', '', '--bind', '127.0.0.1'],
      port,
    );
  const open = (onChange: RedisCounterOptions['onChange'] = () => {}) =>
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
    const onChange = (now: boolean, error?: unknown) => {
      changes.push(now);
      reasons.push(now ? error : causeOf(error).code);
    };
    replicas = [open(onChange), open(), open()];
    for (const replica of replicas) {
      await vi.waitFor(async () => expect(await shared(replica)()).toBe(true), 5_000);
    }
  });
  beforeEach(() => {
    changes.length = 0;
    reasons.length = 0;
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

  it('are counted here until the first connection is made', async () => {
    const fresh = open();
    expect(await count(fresh, 'early')).toBe(1);
    expect(fresh.healthy()).toBe(false);
    expect(await count(replicas[0], 'early')).toBe(1);
    await expect.poll(shared(fresh), { timeout: 5_000 }).toBe(true);
    expect(await count(fresh, 'early')).toBe(2);
    fresh.close();
  });

  it('are shared again without a request, once Redis answers', async () => {
    const again = Promise.withResolvers<void>();
    const fresh = open((isShared) => isShared && again.resolve());
    await count(fresh, 'early');
    await again.promise;
    expect(fresh.healthy()).toBe(true);
    fresh.close();
  });

  it('tell Redis neither addresses nor users', async () => {
    await count(replicas[0], 'ip:203.0.113.7');
    const keys = await ask((redis) => redis.keys('*'));
    expect(keys).toContain(
      `zego-video-token:rate:${createHash('sha256').update('ip:203.0.113.7').digest('base64url')}`,
    );
    for (const key of keys) expect(key).toMatch(/^zego-video-token:rate:([\w-]{43}|probe)$/);
  });

  it('report no outage when they are closed', async () => {
    const seen: boolean[] = [];
    const closing = open((isShared) => seen.push(isShared));
    await expect.poll(shared(closing), { timeout: 5_000 }).toBe(true);
    const clients = () =>
      ask(async (redis) => String(await redis.client('LIST')).split('\n').length);
    const before = await clients();
    seen.length = 0;
    closing.close();
    await expect.poll(clients).toBeLessThan(before);
    expect(seen).toEqual([]);
  });

  it('are counted here within 300 ms when Redis stalls, and shared again when it goes on', async () => {
    redis.kill('SIGSTOP');
    const started = performance.now();
    expect(await count(replicas[0], 'stalled')).toBe(1);
    expect(performance.now() - started).toBeLessThan(300);
    const next = performance.now();
    for (let n = 2; n < 12; n++) expect(await count(replicas[0], 'stalled')).toBe(n);
    // Redis is not asked again each time, which would take 150 ms.
    expect(performance.now() - next).toBeLessThan(1_000);
    expect(replicas[0]?.healthy()).toBe(false);
    redis.kill('SIGCONT');
    await expect.poll(shared(replicas[0]), { timeout: 5_000 }).toBe(true);
    expect(changes).toEqual([false, true]);
    expect(reasons).toEqual(['TIMEOUT', undefined]);
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
    await expect.poll(() => reasons).toEqual(['ECONNRESET']);
    expect(await count(replicas[0], 'killed')).toBe(1);
    expect(await count(replicas[0], 'killed')).toBe(2);
    redis = await start();
    await expect.poll(shared(replicas[0]), { timeout: 5_000 }).toBe(true);
    expect(changes).toEqual([false, true]);
    expect(reasons).toEqual(['ECONNRESET', undefined]);
  });

  it('are not counted once more by the Redis that takes over from one that had not answered', async () => {
    redis.kill('SIGSTOP');
    expect(await count(replicas[0], 'once')).toBe(1);
    await stopProgram(redis, 'SIGKILL');
    redis = await start();
    await expect.poll(shared(replicas[0]), { timeout: 5_000 }).toBe(true);
    expect(await count(replicas[0], 'once')).toBe(1);
  });

  it('are counted here when there is no Redis, with the reason', async () => {
    const refused = Promise.withResolvers<unknown>();
    const alone = createRedisCounter({
      url: `redis://127.0.0.1:${await freePort()}`,
      fallback: createMemoryCounter(),
      onChange: (isShared, error) => refused.resolve([isShared, causeOf(error).code]),
    });
    expect(await refused.promise).toEqual([false, 'ECONNREFUSED']);
    expect(await count(alone, 'alone')).toBe(1);
    alone.close();
  });

  /** What Redis answers to a connection of its own. */
  async function ask<T>(question: (redis: Redis) => Promise<T>): Promise<T> {
    const connection = new Redis(port);
    return question(connection).finally(() => connection.disconnect());
  }
});

it('logs each reply of a Redis that refuses once, also between time-outs, and again after it was shared', async () => {
  let reply: string | undefined;
  const answer = (command: string) => {
    if (reply !== undefined) return `-${reply}\r\n`;
    return command === 'evalsha' ? '*2\r\n:1\r\n:1000\r\n' : '$0\r\n\r\n';
  };
  let silent = true;
  let asked = 0;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      asked++;
      // A command is an array, and its name the first item.
      const commands = [...data.toString().matchAll(/^\*\d+\r\n\$\d+\r\n(\w+)/gm)];
      if (!silent) socket.write(commands.map(([, name = '']) => answer(name)).join(''));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const seen: string[] = [];
  const counter = createRedisCounter({
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fallback: createMemoryCounter(),
    onChange: (shared, error) => seen.push(shared ? 'shared' : causeOf(error).code),
  });
  onTestFinished(() => {
    counter.close();
    server.close();
  });
  /** Counts until this is the last change. */
  const until = (change: RegExp) =>
    vi.waitFor(async () => {
      await counter.increment('a', WINDOW_MS);
      expect(seen.at(-1)).toMatch(change);
    }, 10_000);

  /** Counts until Redis has been asked some times more. */
  const goOn = async () => {
    const before = asked;
    await vi.waitFor(async () => {
      await counter.increment('a', WINDOW_MS);
      expect(asked).toBeGreaterThan(before + 2);
    }, 10_000);
  };

  await until(/./);
  silent = false;
  reply = 'NOAUTH Authentication required.';
  await until(/^NOAUTH$/);
  reply = 'WRONGPASS invalid username-password pair';
  await until(/^WRONGPASS$/);
  await goOn();
  silent = true;
  await goOn();
  silent = false;
  await goOn();
  reply = undefined;
  await until(/^shared$/);
  reply = 'WRONGPASS invalid username-password pair';
  await until(/^WRONGPASS$/);
  for (let i = 0; i < 30; i++) await counter.increment('a', WINDOW_MS);
  expect(seen.slice(1)).toEqual(['NOAUTH', 'WRONGPASS', 'shared', 'WRONGPASS']);
}, 30_000);
