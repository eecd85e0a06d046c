import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { createMemoryCounter } from '../../src/http/rate-limit.ts';
import { createRedisCounter } from '../../src/http/redis-counter.ts';
import { causeOf } from '../../src/messages/causes.ts';
import { temporaryFolder } from '../support/folder.ts';
import { freePort } from '../support/free-port.ts';
import { describeWith, startProgram, stopProgram } from '../support/program.ts';

const WINDOW_MS = 60_000;
const SOON = { interval: 20, timeout: 10_000 };

const folder = temporaryFolder();
const servers: ChildProcess[] = [];
afterAll(async () => {
  for (const server of servers) await stopProgram(server, 'SIGKILL');
  folder.remove();
});

async function startRedis(...options: string[]): Promise<number> {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder.path];
  servers.push(await startProgram('redis-server', [...args, ...options], port));
  return port;
}

async function command(port: number, ...words: [string, ...string[]]): Promise<string> {
  const redis = new Redis(port);
  return redis
    .call(...words)
    .then(String)
    .finally(() => redis.disconnect());
}

function open(port: number) {
  const seen: string[] = [];
  const counter = createRedisCounter({
    url: `redis://127.0.0.1:${port}`,
    fallback: createMemoryCounter(),
    onChange: (shared, error) => seen.push(shared ? 'shared' : causeOf(error).code),
  });
  onTestFinished(counter.close);
  const count = async (key: string) => (await counter.increment(key, WINDOW_MS)).count;
  const shared = () =>
    vi.waitFor(async () => {
      await counter.increment('probe', WINDOW_MS);
      expect(counter.healthy()).toBe(true);
    }, SOON);
  return { counter, count, shared, seen };
}

describeWith('redis-server', 'a pair of Redis behind one address', () => {
  let [first, second] = [0, 0];
  let primary: () => number;
  /** A proxy that connects to what is the primary at that moment, and keeps its connections. */
  const proxy = createServer((client) => {
    const server: Socket = connect(primary(), '127.0.0.1');
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('error', () => to.destroy()).on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  beforeAll(async () => {
    [first, second] = [await startRedis(), await startRedis()];
    await command(second, 'REPLICAOF', '127.0.0.1', String(first));
    primary = () => first;
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
  });
  afterAll(() => void proxy.close());

  it('is counted in again within 5 s of a failover that keeps connections', async () => {
    const { count, shared, seen } = open((proxy.address() as AddressInfo).port);
    await shared();
    expect(await count('viewer')).toBe(1);
    await command(second, 'REPLICAOF', 'NO', 'ONE');
    await command(first, 'REPLICAOF', '127.0.0.1', String(second));
    primary = () => second;
    const at = Date.now();
    await count('viewer');
    await shared();
    expect(Date.now() - at).toBeLessThan(5_000);
    expect(seen.slice(-2)).toEqual(['READONLY', 'shared']);
  });
});

describeWith('redis-server', 'a Redis Cluster', () => {
  const HALVES = [
    ['0', '8191'],
    ['8192', '16383'],
  ] as const;
  const ports: number[] = [];
  beforeAll(async () => {
    for (const [index, range] of HALVES.entries()) {
      const port = await startRedis(
        '--cluster-enabled',
        'yes',
        '--cluster-config-file',
        `nodes-${index}.conf`,
        '--cluster-require-full-coverage',
        'no',
      );
      ports.push(port);
      await command(port, 'CLUSTER', 'ADDSLOTSRANGE', ...range);
    }
    await command(ports[0] ?? 0, 'CLUSTER', 'MEET', '127.0.0.1', String(ports[1]));
    await vi.waitFor(async () => {
      for (const port of ports)
        expect(await command(port, 'CLUSTER', 'INFO')).toContain('cluster_slots_ok:16384');
    }, SOON);
  });

  it('is named as soon as there is a connection, and never counted in', async () => {
    const { counter, count, seen } = open(ports[0] ?? 0);
    counter.checkWhenReady();
    await vi.waitFor(() => expect(seen).toContain('REDIS_CLUSTER'), SOON);
    const known = seen.length;
    for (let key = 0; key < 20; key++) expect(await count(`key ${key}`)).toBe(1);
    // Longer than it takes until Redis is asked again.
    await delay(1_500);
    for (let key = 0; key < 20; key++) expect(await count(`key ${key}`)).toBe(2);
    expect(counter.healthy()).toBe(false);
    expect(seen.length).toBe(known);
  });

  it('is named by the first key that another node has', async () => {
    const { counter, count, shared, seen } = open(ports[0] ?? 0);
    await shared().catch(() => {});
    for (let key = 0; key < 20; key++) await count(`other ${key}`);
    expect(seen.at(-1)).toBe('REDIS_CLUSTER');
    expect(counter.healthy()).toBe(false);
  });

  it('has one sentence', () => {
    for (const reply of [
      'MOVED 3999 127.0.0.1:6381',
      'CLUSTERDOWN Hash slot not served',
      'ERR Error running script (call to f_1): @user_script:1: -MOVED 1 h:1',
    ]) {
      const cause = causeOf(Object.assign(new Error(reply), { name: 'ReplyError' }));
      expect(cause).toMatchObject({
        code: 'REDIS_CLUSTER',
        words: expect.stringMatching(/Cluster/),
      });
    }
  });
});

it.each([
  ["READONLY You can't write against a read only replica.", 'READONLY'],
  ["ERR Error running script (call to f_1): @user_script:2: -READONLY You can't write", 'READONLY'],
  ['LOADING Redis is loading the dataset in memory', 'LOADING'],
  [
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    'MASTERDOWN',
  ],
])('the reply %s has words and a remedy', (reply, code) => {
  const cause = causeOf(Object.assign(new Error(reply), { name: 'ReplyError' }));
  expect(cause).toMatchObject({ code, words: expect.any(String), fix: expect.any(String) });
});
