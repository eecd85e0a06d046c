import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signFreshJwt } from '../support/jwt.ts';
import { limitMemory, type MemoryLimit, residentMegabytes } from '../support/memory-limit.ts';
import { rawRequest } from '../support/raw-http.ts';
import { type Service, startService } from '../support/service.ts';
import type { Attack } from './pipelining-attacker.ts';

const ATTACKER = fileURLToPath(new URL('./pipelining-attacker.ts', import.meta.url));
const LIMIT_MEGABYTES = 256;
const CONNECTIONS = 200;
const ATTACK_MS = 10_000;
const WARM_UP_MS = 5_000;
const LINE = 'POST /video-token HTTP/1.1';

let limit: MemoryLimit | undefined;
let service: Service;

beforeEach(async () => {
  limit = limitMemory(`zego-video-token-${process.pid}`, LIMIT_MEGABYTES * 1024 * 1024);
  // As in the image, with the default limit for an address.
  const variables = {
    NODE_ENV: 'production',
    NODE_OPTIONS: '--max-semi-space-size=8',
    MALLOC_TRIM_THRESHOLD_: '131072',
    RATE_LIMIT_PER_IP: '300',
  };
  service = await startService(variables, limit);
});
afterEach(async () => {
  await service.stop();
  limit?.remove();
});

/** Requests that an attacker repeats, and the megabytes that memory may grow by. */
const REQUESTS: [string, number, () => Promise<string>][] = [
  ['the shortest requests', 60, async () => `${LINE}\r\nHost:a\r\n\r\n`],
  ['requests without a credential', 60, async () => post([])],
  ['requests with a bad credential', 60, async () => post([bearer(`${await signFreshJwt()}x`)])],
  ['requests with a good credential', 60, async () => post([bearer(await signFreshJwt())])],
  [
    'requests with bodies of 15 kB',
    // A body that came in two reads of 64 KiB keeps both of them.
    80,
    async () =>
      post([bearer(await signFreshJwt())], { roomId: 'room', videoId: 'v'.repeat(15_000) }),
  ],
];

describe.each([false, true])(`${CONNECTIONS} connections that pipeline (reading: %s)`, (reads) => {
  it.each(REQUESTS)(
    '%s cost a bounded amount of memory, and delay nobody',
    async (what, growth, make) => {
      await warmUp();
      const before = residentMegabytes(service.pid);
      const stop = startAttack({
        port: service.port,
        connections: CONNECTIONS,
        request: await make(),
        reads,
      });
      const [memory, probes, others] = await Promise.all([
        watchMemory(),
        repeat(200, () => ask('127.0.0.1', 'GET', '/healthz')),
        repeat(500, () => askForToken('127.0.0.9')),
      ]);
      await stop();
      const slowestMs = Math.round(Math.max(...probes.map(({ ms }) => ms)));
      const peak = Math.max(...memory);
      console.info({ what, reads, limited: limit !== undefined, before, peak, slowestMs });
      expect(new Set(probes.map(({ status }) => status))).toEqual(new Set([200]));
      expect(slowestMs).toBeLessThan(1_000);
      expect(new Set(others.map(({ status }) => status))).toEqual(new Set([200]));
      expect(peak - before).toBeLessThan(growth);
      expect(process.kill(service.pid, 0)).toBe(true);
    },
  );
});

function post(headers: readonly string[], body: object = { roomId: 'room', videoId: 'film' }) {
  const text = JSON.stringify(body);
  const own = ['Content-Type: application/json', `Content-Length: ${text.length}`];
  return rawRequest(LINE, [...headers, ...own], text).replace('Connection: close\r\n', '');
}

const bearer = (credential: string) => `Authorization: Bearer ${credential}`;

/** In a process of its own, or its work would delay our probes. */
function startAttack(attack: Attack): () => Promise<void> {
  const child = spawn(process.execPath, [ATTACKER, JSON.stringify(attack)], { stdio: 'inherit' });
  return async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
}

/** What ordinary load costs is no part of the growth: caches, compiled code, the young generation. */
async function warmUp(): Promise<void> {
  const end = performance.now() + WARM_UP_MS;
  const client = async (_: unknown, n: number) => {
    const agent = new Agent({ keepAlive: true });
    while (performance.now() < end) await askForToken(`127.0.2.${n + 1}`, agent);
    agent.destroy();
  };
  await Promise.all(Array.from({ length: 60 }, client));
}

/** Resident memory while the attack lasts; fails when the process has ended. */
async function watchMemory(): Promise<number[]> {
  const end = performance.now() + ATTACK_MS;
  const seen: number[] = [];
  while (performance.now() < end) {
    seen.push(residentMegabytes(service.pid));
    await delay(50);
  }
  return seen;
}

type Answer = { status: number | string; ms: number };

/** Asks at each interval while the attack lasts, whether or not the last answer has come. */
async function repeat(intervalMs: number, send: () => Promise<Answer>): Promise<Answer[]> {
  const count = ATTACK_MS / intervalMs;
  return Promise.all(Array.from({ length: count }, (_, n) => delay(n * intervalMs).then(send)));
}

async function askForToken(address: string, agent?: Agent): Promise<Answer> {
  const body = JSON.stringify({ roomId: 'room_foreign', videoId: 'film' });
  return ask(address, 'POST', '/video-token', agent, await signFreshJwt({ sub: 'bob' }), body);
}

/** Asks from an address of loopback, over a connection of its own unless an agent keeps one. */
function ask(
  localAddress: string,
  method: string,
  path: string,
  agent: Agent | false = false,
  credential = '',
  body = '',
): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const started = performance.now();
  const settle = (status: number | string) => resolve({ status, ms: performance.now() - started });
  const headers = {
    authorization: `Bearer ${credential}`,
    'content-type': 'application/json',
    'content-length': body.length,
  };
  request({ port: service.port, host: '127.0.0.1', localAddress, method, path, agent, headers })
    .on('response', (response: IncomingMessage) => {
      response.resume().on('close', () => settle(response.statusCode ?? 0));
    })
    .on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message))
    .end(body);
  return promise;
}
