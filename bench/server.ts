import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const SERVER_SECRET = 'abcdefghijklmnopqrstuvwxyzabcdef';
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
  /** The most that has been resident. */
  peakMegabytes(): number;
  stop(): Promise<void>;
};

export type ServerOptions = {
  name: string;
  /** The program and its arguments. */
  command: readonly string[];
  /** The processor that it runs on, where there are two. */
  core?: number;
  port: number;
  probe: string;
  env: Record<string, string>;
  /** Standard output goes here, as it would to a log. */
  log: string;
};

/** The service as the image starts it, on loopback; the rest of its environment is for the measurement to say. */
export const SERVICE = {
  command: nodeCommand('../src/start.js', '--max-semi-space-size=8'),
  probe: '/readyz',
  env: {
    MALLOC_TRIM_THRESHOLD_: '131072',
    HOST: '127.0.0.1',
    INTERNAL_PORT: '0',
    ZEGO_APP_ID: '1',
    ZEGO_SERVER_SECRET: SERVER_SECRET,
  },
};

/** A script of this folder under Node.js, with options of Node.js itself. */
export function nodeCommand(script: string, ...flags: string[]): string[] {
  return [process.execPath, ...flags, fileURLToPath(new URL(script, import.meta.url))];
}

export async function startServer(options: ServerOptions): Promise<BenchServer> {
  const { name, command, core = 0, port, probe, env, log } = options;
  const output = openSync(log, 'a');
  const [program = '', ...args] = pinned ? ['taskset', '-c', `${core}`, ...command] : command;
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
    cpuMicros: () => cpuMicrosOf([pid]),
    rssMegabytes: () => readMegabytes(pid, 'VmRSS'),
    peakMegabytes: () => readMegabytes(pid, 'VmHWM'),
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

/** User and system time of processes so far and of their children that have ended, in microseconds. */
export function cpuMicrosOf(pids: readonly number[]): number {
  const ticks = pids.reduce((sum, pid) => sum + readTicks(pid), 0);
  return (ticks / TICKS_PER_SECOND) * 1e6;
}

/** Fields 14 to 17 of /proc/PID/stat, counted after the name in parentheses (proc(5)). */
function readTicks(pid: number): number {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return 0;
  const stat = readFileSync(path, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
}

function readMegabytes(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
}
