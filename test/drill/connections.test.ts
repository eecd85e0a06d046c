import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { BALANCERS, startBalancer } from '../support/balancer.ts';
import { temporaryFolder } from '../support/folder.ts';
import { signFreshJwt } from '../support/jwt.ts';
import { limitMemory, type MemoryLimit, residentMegabytes } from '../support/memory-limit.ts';
import { type Service, startService, type Variables } from '../support/service.ts';
import type { Attack } from './attacker.ts';

const ATTACKER = fileURLToPath(new URL('./attacker.ts', import.meta.url));
const LIMIT_MEGABYTES = 384;
const ATTACK_MS = 5_000;
const WARM_UP_MS = 3_000;
const SLOW_MS = 1_500;
const OPAQUE = 'Authorization: Bearer opaque-token';

let limit: MemoryLimit | undefined;
let service: Service;

afterEach(async () => {
  await service.stop();
  limit?.remove();
});

type Kind = {
  what: string;
  /** Megabytes that memory may grow by. */
  growth: number;
  /** @default 1 s for a probe on a connection of its own */
  slowestProbeMs?: number;
  attack(): Promise<Omit<Attack, 'port' | 'reads'>>;
  variables?(): Promise<Variables>;
  /** A proxy reads whole heads and does not pipeline: what it keeps from us is not tried through it. */
  direct?: true;
};

const LINE = 'POST /video-token HTTP/1.1';
const TYPE = 'Content-Type: application/json';
const bearer = async (claims = {}) => `Authorization: Bearer ${await signFreshJwt(claims)}`;
const head = (...lines: string[]) => [LINE, 'Host: a', ...lines, '', ''].join('\r\n');

function post(headers: readonly string[], body: object = { roomId: 'room', videoId: 'film' }) {
  const json = JSON.stringify(body);
  return head(TYPE, ...headers, `Content-Length: ${json.length}`) + json;
}

const pipelined = (what: string, make: () => Promise<string>): Kind => ({
  what: `pipelined ${what}`,
  growth: 110,
  attack: async () => ({ connections: 200, repeat: await make() }),
});

/** They connect again at once, and an iteration of the event loop accepts one; V8 collects 64 MB of buffers at a time. */
const THOUSANDS_OF_CONNECTIONS = { growth: 110, slowestProbeMs: 3_000 };
const OPEN_BODIES = 60;
const CHUNK = '1\r\n \r\n';
const BODY_BYTES = 15_000;

const KINDS: Kind[] = [
  pipelined('the shortest requests', async () => `${LINE}\r\nHost:a\r\n\r\n`),
  pipelined('requests without a credential', async () => post([])),
  pipelined('requests with a bad credential', async () => post([`${await bearer()}x`])),
  pipelined('requests with a good credential', async () => post([await bearer()])),
  pipelined('bodies of 15 kB', async () =>
    post([await bearer()], { roomId: 'room', videoId: 'v'.repeat(15_000) }),
  ),
  ...['Content-Length: 4000000000', 'Transfer-Encoding: chunked'].map((length) => ({
    what: `endless, unauthenticated (${length})`,
    growth: 40,
    variables: slowIntrospection,
    attack: async () => ({
      connections: 1,
      start: head(TYPE, OPAQUE, length),
      repeat: length.startsWith('C') ? ' '.repeat(4096) : `1000\r\n${' '.repeat(4096)}\r\n`,
    }),
  })),
  {
    what: 'bodies in chunks of a byte',
    growth: 60,
    attack: async () => ({
      connections: OPEN_BODIES,
      start: head(TYPE, await bearer(), 'Transfer-Encoding: chunked'),
      repeat: CHUNK,
      totalBytes: BODY_BYTES * CHUNK.length,
    }),
  },
  {
    what: 'bodies in segments of a byte',
    growth: 60,
    attack: async () => ({
      connections: OPEN_BODIES,
      start: head(TYPE, await bearer(), 'Content-Length: 16000'),
      repeat: ' ',
      segmentBytes: 1,
      totalBytes: BODY_BYTES,
    }),
  },
  {
    what: 'the same, unauthenticated',
    growth: 60,
    variables: slowIntrospection,
    attack: async () => ({
      connections: OPEN_BODIES,
      start: head(TYPE, OPAQUE, 'Content-Length: 16000'),
      repeat: ' ',
      segmentBytes: 1,
      totalBytes: BODY_BYTES,
    }),
  },
  {
    what: 'open heads of long lines',
    ...THOUSANDS_OF_CONNECTIONS,
    direct: true,
    attack: async () => ({
      connections: 4_000,
      start: `${LINE}\r\nHost:a\r\n${`a:${'b'.repeat(150)}\r\n`.repeat(98)}`,
    }),
  },
  {
    what: 'open heads of tiny lines',
    ...THOUSANDS_OF_CONNECTIONS,
    direct: true,
    attack: async () => ({
      connections: 4_000,
      start: `${LINE}\r\nHost:a\r\n${'a:\r\n'.repeat(4_000)}`,
    }),
  },
  ...['', OPAQUE].map((credential) => ({
    what: `endless, refused (${credential || 'none'})`,
    growth: 40,
    attack: async () => ({
      connections: 20,
      start: head(TYPE, ...(credential ? [credential] : []), 'Transfer-Encoding: chunked'),
      repeat: CHUNK,
    }),
  })),
];

/** Credentials are asked about at a server that takes its time for that of the attacker. */
async function slowIntrospection(): Promise<Variables> {
  const exp = Math.floor(Date.now() / 1000) + 600;
  const alice = JSON.stringify({ active: true, sub: 'alice', aud: 'video', exp });
  const server = createServer(async (request, response) => {
    if ((await text(request)).includes('opaque-token')) await delay(SLOW_MS);
    response.end(alice);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  return {
    AUTH_INTROSPECTION_URL: `http://127.0.0.1:${port}/`,
    AUTH_INTROSPECTION_CLIENT_ID: 'a',
    AUTH_INTROSPECTION_CLIENT_SECRET: 'b',
    AUTH_AUDIENCE: 'video',
    AUTH_JWT_SECRET: '',
  };
}

const WAYS: [string, (port: number) => Promise<number>][] = [
  ['direct', async (port) => port],
  ...BALANCERS.map((kind): [string, (port: number) => Promise<number>] => [
    kind.program,
    async (port) => {
      const folder = temporaryFolder();
      const balancer = await startBalancer(kind, [port], folder.path);
      onTestFinished(async () => {
        await balancer.stop();
        folder.remove();
      });
      return balancer.port;
    },
  ]),
];

for (const [way, through] of WAYS) {
  describe(`${way}, in ${LIMIT_MEGABYTES} MiB`, () => {
    const kinds = KINDS.filter(({ direct }) => way === 'direct' || !direct);
    const cases = kinds.flatMap((kind) => [true, false].map((reads) => ({ ...kind, reads })));
    it.each(cases)(
      '$what (reading: $reads) cost a bounded amount of memory, and delay nobody',
      async ({ what, growth, slowestProbeMs = 1_000, attack, reads, variables }) => {
        await start(await variables?.());
        await warmUp(service.port);
        const port = await through(service.port);
        const kept = new Agent({ keepAlive: true });
        const before = residentMegabytes(service.pid);
        const stop = startAttack({ ...(await attack()), port, reads });
        const [memory, probes, others] = await Promise.all([
          watchMemory(),
          repeat(200, () => ask(service.port, '127.0.0.1', 'GET', '/healthz')),
          repeat(50, () => askForToken(service.port, '127.0.0.9', kept)),
        ]);
        await stop();
        kept.destroy();
        const slowestMs = Math.round(Math.max(...probes.map(({ ms }) => ms)));
        const medianMs = Math.round(
          others.map(({ ms }) => ms).sort((a, b) => a - b)[others.length >> 1] ?? 0,
        );
        const grown = Math.round(Math.max(...memory) - before);
        console.info({
          way,
          what,
          reads,
          limited: limit !== undefined,
          grown,
          medianMs,
          slowestMs,
        });
        expect(new Set(probes.map(({ status }) => status))).toEqual(new Set([200]));
        expect(new Set(others.map(({ status }) => status))).toEqual(new Set([200]));
        expect(slowestMs).toBeLessThan(slowestProbeMs);
        expect(medianMs).toBeLessThan(60);
        expect(grown).toBeLessThan(growth);
        expect(process.kill(service.pid, 0)).toBe(true);
      },
    );
  });
}

/** As in the image, with the default limit for an address. */
async function start(variables: Variables = {}): Promise<void> {
  limit = limitMemory(`zego-video-token-${process.pid}`, LIMIT_MEGABYTES * 1024 * 1024);
  const all = {
    NODE_ENV: 'production',
    NODE_OPTIONS: '--max-semi-space-size=8',
    MALLOC_TRIM_THRESHOLD_: '131072',
    RATE_LIMIT_PER_IP: '300',
    ...variables,
  };
  service = await startService(all, limit);
}

/** In a process of its own, or its work would delay our probes. */
function startAttack(attack: Attack): () => Promise<void> {
  const child = spawn(process.execPath, [ATTACKER, JSON.stringify(attack)], { stdio: 'inherit' });
  return async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
}

/** What ordinary load costs is no part of the growth: caches, compiled code, the young generation. */
async function warmUp(port: number): Promise<void> {
  const end = performance.now() + WARM_UP_MS;
  const client = async (_: unknown, n: number) => {
    const agent = new Agent({ keepAlive: true });
    while (performance.now() < end) await askForToken(port, `127.0.2.${n + 1}`, agent);
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

async function askForToken(port: number, address: string, agent?: Agent): Promise<Answer> {
  const body = JSON.stringify({ roomId: 'room', videoId: 'film' });
  return ask(port, address, 'POST', '/video-token', agent, await signFreshJwt(), body);
}

/** Asks from an address of loopback, over a connection of its own unless an agent keeps one. */
function ask(
  port: number,
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
  request({ port, host: '127.0.0.1', localAddress, method, path, agent, headers })
    .on('response', (response: IncomingMessage) => {
      response.resume().on('close', () => settle(response.statusCode ?? 0));
    })
    .on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message))
    .end(body);
  return promise;
}
