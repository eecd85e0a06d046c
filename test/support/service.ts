import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { APP_ID, SERVER_SECRET } from './app.ts';
import { temporaryFolder } from './folder.ts';
import { JWT_SECRET } from './jwt.ts';
import { writeSample } from './sample.ts';

export const SERVER = fileURLToPath(new URL('../../src/start.js', import.meta.url));

export type Variables = Record<string, string>;

/** A line of the service's log. */
type LogLine = Record<string, unknown>;

/** The program as an operator runs it, in a folder of its own. */
export type Program = {
  pid: number;
  folder: string;
  stdout(): string;
  stderr(): string;
  /** The next line of the log, or one of before, that `matches`. */
  line(matches: (line: LogLine) => boolean): Promise<LogLine>;
  decisions(): LogLine[];
  kill(signal: NodeJS.Signals): void;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Ends it, if it has not ended, and removes its folder. */
  stop(): Promise<void>;
};

export type Service = Program & { origin: string; port: number; internal: string };

/** A configuration that starts, on free ports of loopback. */
export const VARIABLES: Variables = {
  HOST: '127.0.0.1',
  PORT: '0',
  INTERNAL_PORT: '0',
  ZEGO_APP_ID: String(APP_ID),
  ZEGO_SERVER_SECRET: SERVER_SECRET,
  AUTH_JWT_SECRET: JWT_SECRET,
  RATE_LIMIT_PER_IP: '1000000',
  RATE_LIMIT_PER_USER: '1000000',
  SHUTDOWN_DELAY_MS: '0',
};

/**
 * Starts the service over the sample directory and waits until it says that it is ready.
 *
 * @param wrapper a command that executes the one behind it
 * @param server the file that starts it; that of this release by default
 */
export async function startService(
  variables: Variables = {},
  {
    wrapper = [],
    server = SERVER,
  }: { wrapper?: readonly string[]; server?: string | undefined } = {},
): Promise<Service> {
  const folder = makeFolder();
  const path = await writeSample(folder);
  const all = { ...VARIABLES, ACCESS_SQLITE_PATH: path, ...variables };
  const program = run(folder, all, [...wrapper, process.execPath, server]);
  const { public: origin, internal } = await ready(program);
  return { ...program, origin, internal, port: Number(URL.parse(origin)?.port) };
}

/**
 * Starts the program with these variables and no others, and does not wait.
 *
 * @param wrapper a command that executes the one behind it
 */
export function startProgram(
  variables: Variables,
  folder = makeFolder(),
  wrapper: readonly string[] = [],
): Program {
  return run(folder, variables, [...wrapper, process.execPath, SERVER]);
}

/** The addresses in the line that says that the service is ready. */
export async function ready(program: Program): Promise<{ public: string; internal: string }> {
  const started = program.line(({ msg }) => msg === 'ready');
  const ended = program.exited.then(({ code }) => {
    throw new Error(`exit ${code}: ${program.stderr()}${program.stdout()}`);
  });
  return (await Promise.race([started, ended])) as { public: string; internal: string };
}

export function makeFolder(): string {
  return temporaryFolder().path;
}

function run(folder: string, variables: Variables, command: readonly string[]): Program {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { cwd: folder, env: variables });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output.stderr += chunk;
  });
  const log = readLog(createInterface({ input: child.stdout }));
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  return {
    pid: child.pid ?? 0,
    folder,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    ...log,
    kill: (signal) => void child.kill(signal),
    exited,
    async stop() {
      child.kill('SIGKILL');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function readLog(lines: NodeJS.EventEmitter) {
  const seen: LogLine[] = [];
  const waiting = new Set<(line: LogLine) => void>();
  lines.on('line', (text: string) => {
    const line = JSON.parse(text);
    seen.push(line);
    for (const look of waiting) look(line);
  });
  return {
    decisions: () => seen.filter(({ event }) => String(event).endsWith('_token')),
    async line(matches: (line: LogLine) => boolean) {
      const earlier = seen.find(matches);
      if (earlier) return earlier;
      const { promise, resolve } = Promise.withResolvers<LogLine>();
      const look = (line: LogLine) => matches(line) && resolve(line);
      waiting.add(look);
      return promise.finally(() => waiting.delete(look));
    },
  };
}
