import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../test/support/free-port.ts';
import { writeSqlite } from './directory.ts';
import type { Loader } from './load.ts';
import { runNode } from './load-node.ts';
import { createWrk } from './load-wrk.ts';
import { measure } from './measure.ts';
import { type Result, render, type Table } from './report.ts';
import { JWT_SECRET } from './requests.ts';
import { type Bench, PARTS, type Part } from './scenarios.ts';
import { type BenchServer, pinned, SERVICE, startServer } from './server.ts';
import { measureToken04 } from './token04.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    part: { type: 'string', multiple: true, default: [...Object.keys(PARTS), 'token04'] },
  },
});
const ROUNDS = values.quick ? { count: 3, seconds: 1 } : { count: 9, seconds: 1 };

const machine = `${cpus()[0]?.model}, ${availableParallelism()} cores, Node.js ${process.version}`;
const folder = mkdtempSync(join(tmpdir(), 'bench-'));
const loader = createLoader(folder);
const servers: BenchServer[] = [];
const startMs: Record<string, number> = {};

const bench: Bench = {
  folder,
  quick: values.quick,
  measure: (scenarios) => measure(loader, scenarios, ROUNDS),
  async start(name, options) {
    const log = join(folder, `${name}.log`);
    const server = await startServer({ name, port: await freePort(), log, ...options });
    // Of two at one port the first may have answered for the second.
    if (options.port === undefined) startMs[name] = server.startMs;
    servers.push(server);
    return server;
  },
  startService(name, env, options) {
    const limits = { RATE_LIMIT_PER_IP: '1000000', RATE_LIMIT_PER_USER: '1000000' };
    const all = { ...SERVICE.env, AUTH_JWT_SECRET: JWT_SECRET, ...limits, ...env };
    return bench.start(name, { ...SERVICE, ...options, env: all });
  },
  sqlite: memoize((size: number) => writeSqlite(folder, size)),
};

try {
  // Servers start on the first core.
  if (pinned) execFileSync('taskset', ['-a', '-c', '-p', '1', String(process.pid)]);
  const tables: Record<string, Table> = {};
  for (const part of values.part) {
    if (part === 'token04') continue;
    const run = PARTS[part as Part];
    if (!run) throw new Error(`--part: one of ${Object.keys(PARTS).join(', ')}, token04`);
    Object.assign(tables, await run(bench));
    for (const server of servers.splice(0)) await server.stop();
  }
  const token04 = values.part.includes('token04') ? measureToken04() : undefined;
  const result: Result = {
    machine: `${machine}, driven by ${loader.name}`,
    tables,
    token04,
    startMs,
  };
  writeFileSync('bench/result.json', `${JSON.stringify(result, null, 2)}\n`);
  process.stdout.write(render(result));
} finally {
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true });
}

/** wrk where it is installed: a load in Node.js costs more than some of the servers, and slows them down. */
function createLoader(folder: string): Loader {
  if (spawnSync('wrk', ['-v']).error) return { name: 'a load in Node.js', run: runNode };
  return { name: 'wrk', run: createWrk(folder) };
}

function memoize<T>(make: (size: number) => Promise<T>): (size: number) => Promise<T> {
  const made = new Map<number, Promise<T>>();
  return (size) => {
    const value = made.get(size) ?? make(size);
    made.set(size, value);
    return value;
  };
}
