import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setImmediate as nextIteration } from 'node:timers/promises';
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
import { type JumpingTime, jumpingTime } from '../support/monotonic.ts';
import { describeWith, startProgram, stopProgram } from '../support/program.ts';

const WINDOW_MS = 60_000;
/** After which a Redis that did not answer is asked again, and after which a command is given up. */
const RETRY_MS = 1_000;
const TIMEOUT_MS = 150;

/** Lets sockets bring what they bring, while time stands still. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 5_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('nothing came within 5 s');
    await nextIteration();
  }
}

let time: JumpingTime;
beforeEach(() => {
  time = jumpingTime();
});

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
  /** Counts in Redis as soon as it is asked again. */
  const expectShared = async (replica: SharedCounter | undefined) => {
    time.advance(RETRY_MS);
    await replica?.increment('probe', WINDOW_MS);
    expect(replica?.healthy()).toBe(true);
  };
  /** Waits for so many new connections; the INFO by which ioredis sees that Redis is ready is their last command. */
  const connected = async (count: number) => {
    const list = () => ask(async (redis) => String(await redis.client('LIST')));
    const fresh = async () => (await list()).match(/ cmd=info /g) ?? [];
    await until(async () => (await fresh()).length === count);
    await nextIteration();
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
      await vi.waitFor(async () => {
        await replica.increment('probe', WINDOW_MS);
        expect(replica.healthy()).toBe(true);
      }, 5_000);
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
    await connected(1);
    await expectShared(fresh);
    expect(await count(fresh, 'early')).toBe(2);
    fresh.close();
  });

  it('are shared again without a request, once Redis answers', async () => {
    const again = Promise.withResolvers<void>();
    const fresh = open((isShared) => isShared && again.resolve());
    await count(fresh, 'early');
    expect(fresh.healthy()).toBe(false);
    await connected(1);
    time.advance(RETRY_MS);
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
    await connected(1);
    await expectShared(closing);
    const clients = () =>
      ask(async (redis) => String(await redis.client('LIST')).split('\n').length);
    const before = await clients();
    seen.length = 0;
    closing.close();
    await until(async () => (await clients()) < before);
    expect(seen).toEqual([]);
  });

  it('are counted here 150 ms after Redis stalls, and shared again when it goes on', async () => {
    redis.kill('SIGSTOP');
    const stalled = count(replicas[0], 'stalled');
    time.advance(TIMEOUT_MS - 1);
    await nextIteration();
    expect(changes).toEqual([]);
    time.advance(1);
    expect(await stalled).toBe(1);
    // Redis is not asked again each time: no time passes.
    for (let n = 2; n < 12; n++) expect(await count(replicas[0], 'stalled')).toBe(n);
    expect(replicas[0]?.healthy()).toBe(false);
    redis.kill('SIGCONT');
    await expectShared(replicas[0]);
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
    await counter.increment('refused', WINDOW_MS);
    await connected(1);
    // Probes, once a second.
    for (let probe = 0; probe < 3; probe++) {
      const before = await refusals();
      time.advance(RETRY_MS);
      await until(async () => (await refusals()) > before);
    }
    expect(seen).not.toContain(true);
    await admin.call('ACL', 'SETUSER', 'default', '+@all');
    time.advance(RETRY_MS);
    await until(counter.healthy);
    expect(seen.at(-1)).toBe(true);
  });

  it('are counted here when Redis is killed, and shared again within 2 s of its return', async () => {
    await stopProgram(redis, 'SIGKILL');
    await until(() => reasons.length > 0);
    expect(reasons).toEqual(['ECONNRESET']);
    expect(await count(replicas[0], 'killed')).toBe(1);
    expect(await count(replicas[0], 'killed')).toBe(2);
    redis = await start();
    time.advance(RETRY_MS);
    await connected(3);
    time.advance(RETRY_MS);
    await until(() => changes.length > 1);
    expect(changes).toEqual([false, true]);
    expect(reasons).toEqual(['ECONNRESET', undefined]);
  });

  it('are not counted once more by the Redis that takes over from one that had not answered', async () => {
    redis.kill('SIGSTOP');
    const stalled = count(replicas[0], 'once');
    time.advance(TIMEOUT_MS);
    expect(await stalled).toBe(1);
    await stopProgram(redis, 'SIGKILL');
    redis = await start();
    time.advance(RETRY_MS);
    await connected(3);
    await expectShared(replicas[0]);
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

const SOON = { interval: 10, timeout: 5_000 };

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
  /** Counts, a second later. */
  const count = async () => {
    time.advance(RETRY_MS);
    const counted = counter.increment('a', WINDOW_MS);
    if (silent) time.advance(TIMEOUT_MS);
    await counted;
  };
  /** Counts, a second apart, until this is the last change. */
  const untilSeen = (change: RegExp) =>
    vi.waitFor(async () => {
      await count();
      expect(seen.at(-1)).toMatch(change);
    }, SOON);

  /** Counts until Redis has been asked some times more. */
  const goOn = async () => {
    const before = asked;
    await vi.waitFor(async () => {
      await count();
      expect(asked).toBeGreaterThan(before + 2);
    }, SOON);
  };

  await untilSeen(/./);
  silent = false;
  reply = 'NOAUTH Authentication required.';
  await untilSeen(/^NOAUTH$/);
  reply = 'WRONGPASS invalid username-password pair';
  await untilSeen(/^WRONGPASS$/);
  await goOn();
  silent = true;
  await goOn();
  silent = false;
  await goOn();
  reply = undefined;
  await untilSeen(/^shared$/);
  reply = 'WRONGPASS invalid username-password pair';
  await untilSeen(/^WRONGPASS$/);
  for (let i = 0; i < 30; i++) await counter.increment('a', WINDOW_MS);
  expect(seen.slice(1)).toEqual(['NOAUTH', 'WRONGPASS', 'shared', 'WRONGPASS']);
});
