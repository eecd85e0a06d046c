import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../src/config/environment.ts';
import { variables } from '../../src/config/variables.ts';
import { openSqliteDatabase } from '../../src/directory/sqlite/database.ts';
import { cliAuthor, createStore } from '../../src/directory/store.ts';
import { importDirectory } from '../../src/directory/transfer.ts';
import { type Terminal, table, verdict } from '../../src/operator/terminal.ts';
import { decode } from '../../src/token04/index.ts';
import { openDemoPage, sampleDirectory, signIn } from './page.ts';

const SERVICE = fileURLToPath(new URL('../../src/start.js', import.meta.url));
const END_WITH_PARENT = new URL('end-with-parent.ts', import.meta.url).href;
const ANSWER_MS = 10_000;
const END_MS = 30_000;
const USER = 'User_123';
const BODY = JSON.stringify({ roomId: 'room_123', videoId: '249850980283048' });

/** The other kinds of tokens: for one room, and for ZIM and UIKit. */
const OTHERS = { '/room-token': { roomId: 'room_123', publish: true }, '/basic-token': {} };

export type DemoOptions = {
  /** Exit after the reply. */
  once: boolean;
  /** Ends the demo and the service. */
  signal: AbortSignal;
  terminal: Terminal;
};

/**
 * Starts the service with a sample directory and random secrets, requests one token over HTTP, and prints the
 * request, the reply and the decoded token.
 */
export async function runDemo(
  environment: Environment,
  { once: onlyOnce, signal, terminal }: DemoOptions,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'zego-video-token-'));
  const secrets = { zego: randomText(), jwt: randomText(), admin: randomText() };
  const database = await openSqliteDatabase(join(folder, 'access.db'));
  const lines = Readable.from([Buffer.from(await sampleDirectory(new Date()))]);
  await importDirectory(createStore(database), lines, { author: cliAuthor('demo') });
  await database.close();
  const page = onlyOnce ? undefined : await openDemoPage(secrets.jwt);
  const service = spawn(process.execPath, ['--import', END_WITH_PARENT, SERVICE], {
    cwd: folder,
    env: {
      ...serviceEnvironment(environment, folder, secrets),
      ...(page && { CORS_ORIGINS: page.origin }),
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const stop = () => service.kill('SIGINT');
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  const ended = once(service, 'exit');
  try {
    const ready = await readAddresses(service.stdout as Readable, terminal);
    const origin = ready?.public;
    if (origin) {
      await showOneRequest(origin, secrets, terminal);
      if (page) {
        page.serve(origin);
        terminal.print(`\nWatch it in a browser: ${terminal.style('bold', page.origin)}`);
        const { port } = new URL(ready.internal);
        const address = terminal.style('bold', `http://localhost:${port}`);
        terminal.print(
          `Support finds out why somebody cannot watch: ${address}, key ${secrets.admin}`,
        );
        terminal.print(`Serving on ${terminal.style('bold', origin)} until Ctrl-C.\n`);
      } else stop();
    }
    await ended;
    // The service has printed the cause; the port is the only setting of the demo.
    if (!origin)
      throw new Error('The demo could not start; PORT=8081 npm run demo takes port 8081.');
  } catch (error) {
    // The service does not answer after it has been stopped.
    if (!signal.aborted) throw error;
  } finally {
    stop();
    const kill = setTimeout(() => service.kill('SIGKILL'), END_MS);
    await ended;
    clearTimeout(kill);
    page?.close();
    await rm(folder, { recursive: true });
  }
}

type Secrets = { zego: string; jwt: string; admin: string };

function randomText(): string {
  return randomBytes(16).toString('hex');
}

/** The environment of the service: ignores the user's own configuration except PORT. */
function serviceEnvironment(
  environment: Environment,
  folder: string,
  { zego, jwt, admin }: Secrets,
) {
  const { PORT = '8080', ...others } = environment;
  const foreign = Object.entries(others).filter(([name]) => !isVariable(name));
  return {
    ...Object.fromEntries(foreign),
    HOST: '127.0.0.1',
    PORT,
    INTERNAL_PORT: '0',
    ZEGO_APP_ID: '1234567890',
    ZEGO_SERVER_SECRET: zego,
    AUTH_JWT_SECRET: jwt,
    ADMIN_API_KEY: admin,
    ROOM_TOKENS: 'on',
    BASIC_TOKENS: 'on',
    ACCESS_SQLITE_PATH: join(folder, 'access.db'),
  };
}

function isVariable(name: string): boolean {
  return name.replace(/_FILE$/, '') in variables || name in variables;
}

type Addresses = { public: string; internal: string };

/** Waits for the addresses in the log line `ready`; undefined if the service exits before. */
async function readAddresses(log: Readable, terminal: Terminal): Promise<Addresses | undefined> {
  const lines = createInterface({ input: log });
  const ready = Promise.withResolvers<Addresses | undefined>();
  lines.on('line', (line) => {
    const { msg, event, ...addresses } = JSON.parse(line);
    if (msg === 'ready') ready.resolve(addresses);
    if (event === 'video_token') {
      terminal.print(`${terminal.style('dim', 'log  ')}${terminal.style('dim', line)}`);
    }
  });
  lines.on('close', () => ready.resolve(undefined));
  return ready.promise;
}

async function showOneRequest(
  origin: string,
  { zego, jwt }: Secrets,
  terminal: Terminal,
): Promise<void> {
  const credential = await signIn(USER, 3600, jwt);
  const headers = { authorization: `Bearer ${credential}`, 'content-type': 'application/json' };
  const heading = (text: string) => terminal.print(`\n${terminal.style('bold', text)}\n`);
  heading(`1. ${USER} is signed in to your app and asks for a film. You can send it yourself:`);
  terminal.print(`curl ${origin}/video-token \\`);
  terminal.print(`  -H 'Authorization: Bearer ${credential}' \\`);
  terminal.print(`  -H 'Content-Type: application/json' \\`);
  terminal.print(`  -d '${BODY}'`);
  const response = await fetch(`${origin}/video-token`, {
    method: 'POST',
    headers,
    body: BODY,
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const reply = (await response.json()) as { token: string; expireAt: number };
  heading(`2. The service answers ${response.status}:`);
  terminal.print(JSON.stringify(reply, null, 2));
  heading('3. What ZEGO reads in the token, with your ServerSecret:');
  const { mode, claims } = decode(reply.token, { secrets: [zego] });
  const rows = Object.entries({ mode, ...claims }).map(([name, value]): [string, string] => [
    name,
    String(value),
  ]);
  terminal.print(table(terminal, rows));
  terminal.print();
  terminal.print(verdict(terminal, true, 'Your client passes it to loadCopyrightedVideo.'));
  heading('4. Before that it logs in to the room, with a token of another kind from here:');
  for (const [path, body] of Object.entries(OTHERS)) {
    const response = await fetch(`${origin}${path}`, {
      ...{ method: 'POST', headers, body: JSON.stringify(body) },
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const { token } = (await response.json()) as { token: string };
    const { payload } = decode(token, { secrets: [zego] }).claims;
    terminal.print(`POST ${path} ${JSON.stringify(body)}`);
    terminal.print(terminal.style('dim', `     payload ${payload === '' ? 'empty' : payload}`));
  }
}
