import { createPublicKey } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { freePort } from '../test/support/free-port.ts';
import { startPostgres } from '../test/support/postgres.ts';
import { writePostgres } from './directory.ts';
import type { Scenario } from './measure.ts';
import { buildGoPeer, checkPeer } from './peers.ts';
import type { Table } from './report.ts';
import {
  type Algorithm,
  AUDIENCE,
  createSigner,
  eachTwice,
  ISSUER,
  JWT_SECRET,
  type Signer,
  tokenRequest,
} from './requests.ts';
import { type BenchServer, cpuMicrosOf, nodeCommand, type ServerOptions } from './server.ts';

/** What the parts of the benchmark use of it; it stops the servers behind each part. */
export type Bench = {
  folder: string;
  quick: boolean;
  measure(scenarios: Record<string, Scenario>): Promise<Table>;
  start(
    name: string,
    options: Pick<ServerOptions, 'command' | 'probe' | 'env'> & Partial<Placement>,
  ): Promise<BenchServer>;
  startService(
    name: string,
    env: Record<string, string>,
    options?: Partial<Placement & Pick<ServerOptions, 'command'>>,
  ): Promise<BenchServer>;
  /** The path of a SQLite directory of so many users, rooms and videos. */
  sqlite(size: number): Promise<string>;
};

type Placement = { port: number; core: number };

export type Part = keyof typeof PARTS;

const USERS = 100_000;
/** More than the service remembers: sent again and again, each is always new. */
const NEW_CREDENTIALS = 24_000;
const WARM_CREDENTIALS = 1_000;
const BARE = 'bare Fastify route';

const hs256 = createSigner('HS256');
const warm = requests(hs256, WARM_CREDENTIALS);

/** Each measures some scenarios and returns their tables by title. */
export const PARTS = {
  equal: measureEqual,
  requests: measureRequests,
  algorithms: measureAlgorithms,
  modes: measureModes,
  rows: measureRows,
  connections: measureConnections,
  cores: measureCores,
};

/** The service and the Go program that does the same work, by the same variables on the same file; the latter is 1. */
async function measureEqual(bench: Bench): Promise<Record<string, Table>> {
  const program = buildGoPeer(bench.folder, './equal');
  const none = 'Go or libsqlite3-dev is not installed: without the peer';
  const bare = await startBare(bench);
  const path = await bench.sqlite(USERS);
  const start = async (signer: Signer) => {
    const { publicKey } = signer;
    const key = publicKey && { AUTH_JWT_PUBLIC_KEY: publicKey, AUTH_JWT_SECRET: '' };
    const env = { ACCESS_SQLITE_PATH: path, AUTH_ISSUER: ISSUER, AUTH_AUDIENCE: AUDIENCE, ...key };
    const one = { GOMAXPROCS: '1', ...env };
    const peer = program && (await bench.startService('go', one, { command: [program] }));
    if (peer) await checkPeer(peer.port, tokenRequest(signer, 0));
    const service = await bench.startService('service', env);
    return (title: string, sent: Buffer[], connections = 32) => {
      const shared = { requests: sent, connections };
      const scenarios = {
        ...(peer && { 'Go net/http, equal work': { server: peer, ...shared } }),
        'everything on': { server: service, ...shared },
        [BARE]: { server: bare, ...shared },
      };
      return [peer ? title : `${title} (${none})`, scenarios] as const;
    };
  };
  const rs256 = createSigner('RS256');
  const shared = await start(hs256);
  const signed = await start(rs256);
  const parts = [
    shared('Equal work: 32 connections, warm', warm),
    shared('Equal work: every HS256 JWT new', requests(hs256, NEW_CREDENTIALS)),
    signed('Equal work: every RS256 JWT new', requests(rs256, NEW_CREDENTIALS)),
    shared('Equal work: one connection, warm', warm, 1),
  ];
  const tables: Record<string, Table> = {};
  for (const [title, scenarios] of parts) tables[title] = await bench.measure(scenarios);
  return tables;
}

async function measureRequests(bench: Bench): Promise<Record<string, Table>> {
  const bare = await startBare(bench);
  const sample = await bench.start('sample', {
    command: nodeCommand('sample.mjs'),
    probe: '/healthz',
    env: {},
  });
  const service = await bench.startService('service', {
    ACCESS_SQLITE_PATH: await bench.sqlite(USERS),
  });
  const twice = eachTwice(requests(hs256, NEW_CREDENTIALS));
  const go = buildGoPeer(bench.folder);
  const seeding = go && (await startGo(bench, go, { SEED: 'true' }));
  const peer = go && (await startGo(bench, go));
  for (const one of [sample, seeding, peer]) {
    if (one) await checkPeer(one.port, warm[0] as Buffer);
  }
  const scenarios = {
    [BARE]: { server: bare, requests: warm },
    'everything on, each JWT twice': { server: service, requests: twice },
    'everything on, warm credentials': { server: service, requests: warm },
    ...(seeding && {
      "Go net/http, signing only, as ZEGO's generator": { server: seeding, requests: twice },
    }),
    ...(peer && {
      'Go net/http, signing only, one cipher': { server: peer, requests: twice },
    }),
    'Express, jsonwebtoken, a cipher per token': { server: sample, requests: warm },
  };
  const without = go ? '' : ' (Go is not installed: without its peers)';
  const alone = Object.entries(scenarios).map(([name, one]) => [name, { ...one, connections: 1 }]);
  return {
    [`A request, 32 connections${without}`]: await bench.measure(scenarios),
    [`A request, one connection${without}`]: await bench.measure(Object.fromEntries(alone)),
  };
}

async function measureAlgorithms(bench: Bench): Promise<Record<string, Table>> {
  const path = await bench.sqlite(USERS);
  const scenarios: Record<string, Scenario> = {
    [BARE]: { server: await startBare(bench), requests: warm },
  };
  const add = async (name: string, signed: Buffer[], key: Record<string, string>) => {
    const server = await bench.startService(name, { ACCESS_SQLITE_PATH: path, ...key });
    scenarios[`${name}, every JWT new`] = { server, requests: signed };
    scenarios[`${name}, warm`] = { server, requests: signed.slice(0, WARM_CREDENTIALS) };
  };
  await add('HS256', requests(hs256, NEW_CREDENTIALS), {});
  for (const algorithm of ['RS256', 'ES256', 'EdDSA'] satisfies Algorithm[]) {
    const signer = createSigner(algorithm);
    const signed = requests(signer, NEW_CREDENTIALS);
    const key = signer.publicKey ?? '';
    await add(algorithm, signed, { AUTH_JWT_PUBLIC_KEY: key, AUTH_JWT_SECRET: '' });
    if (algorithm !== 'RS256') continue;
    const provider = await serveKeySet(key);
    await add('RS256 by a key set', signed, {
      AUTH_JWKS_URL: provider.url,
      AUTH_ISSUER: ISSUER,
      AUTH_AUDIENCE: AUDIENCE,
      AUTH_JWT_SECRET: '',
    });
  }
  return { 'By algorithm': await bench.measure(scenarios) };
}

/** On loopback, until the process ends. */
async function serveKeySet(publicKey: string): Promise<{ url: string }> {
  const keys = [{ ...createPublicKey(publicKey).export({ format: 'jwk' }), alg: 'RS256' }];
  const provider = createServer((_request, response) => response.end(JSON.stringify({ keys })));
  const listening = Promise.withResolvers<void>();
  provider.listen(0, '127.0.0.1', listening.resolve).unref();
  await listening.promise;
  return { url: `http://127.0.0.1:${(provider.address() as AddressInfo).port}/jwks` };
}

async function measureModes(bench: Bench): Promise<Record<string, Table>> {
  const postgres = await startPostgres();
  try {
    const url = await postgres.createDatabase('bench');
    await writePostgres(url, USERS);
    const modes = {
      sqlite: { ACCESS_SQLITE_PATH: await bench.sqlite(USERS) },
      postgres: { ACCESS_MODE: 'postgres', DATABASE_URL: url },
      claims: { ACCESS_MODE: 'claims' },
    };
    const scenarios: Record<string, Scenario> = {
      [BARE]: { server: await startBare(bench), requests: warm },
    };
    for (const [mode, env] of Object.entries(modes)) {
      const server = await bench.startService(mode, env);
      scenarios[mode] = { server, requests: warm };
      if (mode === 'postgres') {
        scenarios[mode].otherCpuMicros = () => cpuMicrosOf(postgres.pids());
      }
    }
    return { 'By access mode, warm credentials': await bench.measure(scenarios) };
  } finally {
    await postgres.stop();
  }
}

async function measureRows(bench: Bench): Promise<Record<string, Table>> {
  const scenarios: Record<string, Scenario> = {};
  for (const size of [1_000, bench.quick ? 100_000 : 1_000_000]) {
    const server = await bench.startService(`${size} rows`, {
      ACCESS_SQLITE_PATH: await bench.sqlite(size),
    });
    const step = size / WARM_CREDENTIALS;
    const spread = Array.from({ length: WARM_CREDENTIALS }, (_, n) =>
      tokenRequest(hs256, n * step),
    );
    scenarios[`${size.toLocaleString('en')} users, rooms and videos`] = {
      server,
      requests: spread,
    };
  }
  return { 'By rows, warm credentials': await bench.measure(scenarios) };
}

async function measureConnections(bench: Bench): Promise<Record<string, Table>> {
  const server = await bench.startService('service', {
    ACCESS_SQLITE_PATH: await bench.sqlite(USERS),
  });
  const scenarios = [1, 10, 32, 100, 1_000].map((connections) => [
    `${connections}`,
    { server, requests: warm, connections },
  ]);
  return {
    'By connections, warm credentials': await bench.measure(Object.fromEntries(scenarios)),
  };
}

/** One process, and two of one port. With two cores the load takes a part of the second one. */
async function measureCores(bench: Bench): Promise<Record<string, Table>> {
  const env = { ACCESS_SQLITE_PATH: await bench.sqlite(USERS), REUSE_PORT: 'true' };
  const port = await freePort();
  const alone = await bench.startService('one process', env);
  const first = await bench.startService('the first of two', env, { port, core: 0 });
  const second = await bench.startService('the second of two', env, { port, core: 1 });
  const both = { port, cpuMicros: () => first.cpuMicros() + second.cpuMicros() };
  return {
    'By processes, warm credentials': await bench.measure({
      'one process': { server: alone, requests: warm, connections: 64 },
      'two processes, REUSE_PORT': { server: both, requests: warm, connections: 64 },
    }),
  };
}

function startBare(bench: Bench): Promise<BenchServer> {
  return bench.start('bare', { command: nodeCommand('bare.ts'), probe: '/healthz', env: {} });
}

function startGo(
  bench: Bench,
  program: string,
  options: Record<string, string> = {},
): Promise<BenchServer> {
  const env = { USERS: `${USERS}`, AUTH_JWT_SECRET: JWT_SECRET, ...options };
  return bench.start('go', { command: [program], probe: '/healthz', env });
}

/** Of different users, all over the directory. */
function requests(signer: Signer, count: number): Buffer[] {
  const step = Math.floor(USERS / count);
  return Array.from({ length: count }, (_, n) => tokenRequest(signer, n * step));
}
