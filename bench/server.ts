import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const TICKS_PER_SECOND = 100;
/** There is a core for the servers and another for the load. */
export const pinned = availableParallelism() > 1;

/** A server under measurement: a process of its own, on a core of its own where there are two. */
export type BenchServer = {
  name: string;
  port: number;
  /** Milliseconds from the start of the process to the first answer of its probe. */
  startMs: number;
  /** User and system time of the process and its threads so far, in microseconds. */
  cpuMicros(): number;
  rssMegabytes(): number;
  stop(): Promise<void>;
};

export type ServerOptions = {
  name: string;
  script: string;
  /** Options of Node.js itself. */
  flags?: readonly string[];
  port: number;
  probe: string;
  env: Record<string, string>;
  /** Standard output goes here, as it would to a log. */
  log: string;
};

/** The service as the image starts it, on loopback; the rest of its environment is for the measurement to say. */
export const SERVICE = {
  script: fileURLToPath(new URL('../src/start.js', import.meta.url)),
  flags: ['--max-semi-space-size=8'],
  probe: '/readyz',
  env: {
    MALLOC_TRIM_THRESHOLD_: '131072',
    HOST: '127.0.0.1',
    INTERNAL_PORT: '0',
    ZEGO_APP_ID: '1',
    ZEGO_SERVER_SECRET: 'abcdefghijklmnopqrstuvwxyzabcdef',
  },
};

export async function startServer(options: ServerOptions): Promise<BenchServer> {
  const { name, script, flags = [], port, probe, env, log } = options;
  const output = openSync(log, 'a');
  const command = [process.execPath, ...flags, script];
  const [program = '', ...args] = pinned ? ['taskset', '-c', '0', ...command] : command;
  const started = performance.now();
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH, NODE_ENV: 'production', PORT: String(port), ...env },
    stdio: ['ignore', output, 'inherit'],
  });
  closeSync(output);
  await answering(`http://127.0.0.1:${port}${probe}`, child);
  const startMs = performance.now() - started;
  const pid = child.pid ?? 0;
  return {
    name,
    port,
    startMs,
    cpuMicros: () => readCpu(pid),
    rssMegabytes: () => readRss(pid),
    async stop() {
      child.kill('SIGINT');
      await once(child, 'exit');
    },
  };
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const ok = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (ok) return;
    await delay(2);
  }
  throw new Error(`the server ended with code ${child.exitCode}`);
}

/** Fields 14 and 15 of /proc/PID/stat, counted after the name in parentheses (proc(5)). */
function readCpu(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1e6;
}

function readRss(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}
