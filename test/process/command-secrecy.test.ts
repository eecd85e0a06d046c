import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cli } from '../support/cli.ts';
import { freePort } from '../support/free-port.ts';
import { GUARDED_USER, type Postgres, startPostgres } from '../support/postgres.ts';
import { VARIABLES } from '../support/service.ts';
import { writings } from '../support/writings.ts';

const CANARY = 'canary-command-password-0e6b94d1c83f';
const ASKED = ['--user', 'u', '--room', 'r', '--video', 'v'];
const COMMANDS: [name: string, args: string[]][] = [
  ['import', ['directory', 'import', '-']],
  ['export', ['directory', 'export']],
  ['explain', ['explain', ...ASKED]],
  ['doctor', ['doctor']],
];

let postgres: Postgres;
let database: string;
let nobody: number;
const backend = createServer((_request, response) => response.writeHead(401).end());

beforeAll(async () => {
  postgres = await startPostgres();
  database = await postgres.createDatabase('secrecy');
  nobody = await freePort();
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  backend.close();
  await postgres.stop();
});

async function say(args: string[], env: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await cli(args, { env: { ...VARIABLES, ...env } });
  expect(code).toBe(1);
  const said = stdout + stderr;
  expect(writings(CANARY).filter((text) => said.includes(text))).toEqual([]);
  expect(said).not.toMatch(/^\s+at /m);
  // The doctor wraps its lines.
  return said.replace(/\s+/g, ' ');
}

it.each(COMMANDS)('%s names a wrong password, and does not say it', async (_name, args) => {
  const url = new URL(database);
  [url.username, url.password] = [GUARDED_USER, CANARY];
  const env = { ACCESS_MODE: 'postgres', DATABASE_URL: url.href };
  const said = await say(args, env);
  expect(said).toContain('DATABASE_URL');
  expect(said).toMatch(/cannot use 127\.0\.0\.1:\d+; password authentication failed .*28P01/);
});

it.each(COMMANDS)(
  '%s names a database that is not there, without its password',
  async (_name, args) => {
    const env = {
      ACCESS_MODE: 'postgres',
      DATABASE_URL: `postgres://user:${CANARY}@127.0.0.1:${nobody}/directory`,
    };
    const said = await say(args, env);
    expect(said).toContain('DATABASE_URL');
    expect(said).toMatch(/cannot use 127\.0\.0\.1:\d+; connection refused \(ECONNREFUSED\)/);
  },
);

it('doctor names a backend that refuses its secret, and does not say it', async () => {
  const { port } = backend.address() as AddressInfo;
  const said = await say(['doctor'], toBackend(port));
  expect(said).toMatch(/cannot ask 127\.0\.0\.1:\d+; it answered 401 .*ACCESS_HTTP_SECRET: /);
});

it('doctor names a backend that is not there, without its secret', async () => {
  const said = await say(['doctor'], toBackend(nobody));
  expect(said).toMatch(/cannot ask 127\.0\.0\.1:\d+; connection refused .*ACCESS_HTTP_URL: /);
});

function toBackend(port: number) {
  const ACCESS_HTTP_URL = `http://127.0.0.1:${port}/`;
  return { ACCESS_MODE: 'http', ACCESS_HTTP_URL, ACCESS_HTTP_SECRET: CANARY };
}
