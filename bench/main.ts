import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../test/support/free-port.ts';
import { startPostgres } from '../test/support/postgres.ts';
import { writePostgres, writeSqlite } from './directory.ts';
import { measure, type Scenario } from './measure.ts';
import { render } from './report.ts';
import {
  type Algorithm,
  createSigner,
  eachTwice,
  JWT_SECRET,
  type Signer,
  tokenRequest,
} from './requests.ts';
import { type BenchServer, pinned, SERVICE, startServer } from './server.ts';
import { measureToken04 } from './token04.ts';

const quick = process.argv.includes('--quick');
const SIZE = { rounds: quick ? 3 : 7, requests: quick ? 8_000 : 20_000 };
const USERS = 100_000;
const GROWTH = quick ? [1_000, 100_000] : [1_000, 1_000_000];
const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

const machine = `${cpus()[0]?.model}, ${availableParallelism()} cores, Node.js ${process.version}`;
const folder = mkdtempSync(join(tmpdir(), 'bench-'));
const servers: BenchServer[] = [];

const postgres = await startPostgres();

try {
  // Each server starts on the other core.
  if (pinned) execFileSync('taskset', ['-a', '-c', '-p', '1', String(process.pid)]);
  const result = await run();
  writeFileSync('bench/result.json', `${JSON.stringify(result, null, 2)}\n`);
  process.stdout.write(render(result));
} finally {
  for (const server of servers) await server.stop();
  await postgres.stop();
  rmSync(folder, { recursive: true });
}

async function run() {
  const token04 = measureToken04();
  const path = await writeSqlite(folder, USERS);
  const bare = await start('bare', { script: here('bare.ts'), probe: '/healthz' });
  const sample = await start('sample', { script: here('sample.mjs'), probe: '/healthz' });
  const hs256 = createSigner('HS256');
  const twice = eachTwice(requests(hs256, quick ? 20_000 : USERS));
  const warm = cycle(requests(hs256, 1_000));
  const service = await startService('service', { ACCESS_SQLITE_PATH: path });
  const restMegabytes = service.rssMegabytes();
  const main = await measure(
    {
      'bare Fastify route': { server: bare, request: warm },
      'everything on, each JWT twice': { server: service, request: twice },
      'everything on, warm credentials': { server: service, request: warm },
      'Express, jsonwebtoken, a cipher per token': { server: sample, request: warm },
    },
    SIZE,
  );
  const loadMegabytes = service.rssMegabytes();
  const algorithms = await measureAlgorithms(path, bare);
  const modes = await measureModes(path, bare, warm);
  const growth = await measureGrowth(hs256);
  const connections = await measureConnections(service, warm);
  const memory = { restMegabytes, loadMegabytes, afterMegabytes: service.rssMegabytes() };
  const startMs = Object.fromEntries(servers.map(({ name, startMs }) => [name, startMs]));
  return { machine, token04, main, algorithms, modes, growth, connections, memory, startMs };
}

async function measureAlgorithms(path: string, bare: BenchServer) {
  const scenarios: Record<string, Scenario> = {};
  for (const algorithm of ['HS256', 'RS256', 'ES256', 'EdDSA'] as Algorithm[]) {
    const signer = createSigner(algorithm);
    const key = signer.publicKey
      ? { AUTH_JWT_PUBLIC_KEY: signer.publicKey, AUTH_JWT_SECRET: '' }
      : {};
    const server = await startService(algorithm, { ACCESS_SQLITE_PATH: path, ...key });
    const cold = requests(signer, (SIZE.requests / 4) * 4 + 4_000);
    // Twice as many as one round asks for: no credential comes again before it has left the cache.
    scenarios[`${algorithm}, every JWT new`] = { server, request: cycle(cold) };
    scenarios[`${algorithm}, warm`] = { server, request: cycle(cold.slice(0, 1_000)) };
  }
  const request = Object.values(scenarios)[0]?.request ?? (() => Buffer.alloc(0));
  const all = { 'bare Fastify route': { server: bare, request }, ...scenarios };
  return measure(all, { rounds: 1, requests: SIZE.requests });
}

/** The work of PostgreSQL itself is not in its figure. */
async function measureModes(path: string, bare: BenchServer, request: Scenario['request']) {
  const url = await postgres.createDatabase('bench');
  await writePostgres(url, USERS);
  const modes = {
    sqlite: { ACCESS_SQLITE_PATH: path },
    postgres: { ACCESS_MODE: 'postgres', DATABASE_URL: url },
    claims: { ACCESS_MODE: 'claims' },
  };
  const scenarios: Record<string, Scenario> = { 'bare Fastify route': { server: bare, request } };
  for (const [mode, env] of Object.entries(modes)) {
    scenarios[mode] = { server: await startService(mode, env), request };
  }
  return measure(scenarios, SIZE);
}

async function measureGrowth(signer: Signer) {
  const scenarios: Record<string, Scenario> = {};
  for (const size of GROWTH) {
    const path = await writeSqlite(folder, size);
    const server = await startService(`${size} rows`, { ACCESS_SQLITE_PATH: path });
    const step = Math.max(1, Math.floor(size / 1_000));
    const spread = Array.from({ length: 1_000 }, (_, n) => tokenRequest(signer, n * step));
    scenarios[`${size.toLocaleString('en')} users, rooms and videos`] = {
      server,
      request: cycle(spread),
    };
  }
  return measure(scenarios, SIZE);
}

function measureConnections(server: BenchServer, request: Scenario['request']) {
  const counts = [1, 10, 100, 1_000];
  const scenarios = counts.map((connections) => [
    `${connections} connections`,
    { server, request, connections },
  ]);
  return measure(Object.fromEntries(scenarios), { rounds: 3, requests: SIZE.requests / 2 });
}

function requests(signer: Signer, count: number): Buffer[] {
  return Array.from({ length: count }, (_, n) => tokenRequest(signer, n));
}

function cycle(of: readonly Buffer[]): (index: number) => Buffer {
  return (index) => of[index % of.length] as Buffer;
}

function startService(name: string, env: Record<string, string>): Promise<BenchServer> {
  return start(name, {
    ...SERVICE,
    env: {
      ...SERVICE.env,
      AUTH_JWT_SECRET: JWT_SECRET,
      RATE_LIMIT_PER_IP: '1000000',
      RATE_LIMIT_PER_USER: '1000000',
      ...env,
    },
  });
}

async function start(
  name: string,
  { env = {}, ...options }: { script: string; probe: string; env?: Record<string, string> },
): Promise<BenchServer> {
  const log = join(folder, `${servers.length}.log`);
  const server = await startServer({ name, port: await freePort(), env, log, ...options });
  servers.push(server);
  return server;
}
