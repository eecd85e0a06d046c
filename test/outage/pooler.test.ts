import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { cli } from '../support/cli.ts';
import { temporaryFolder } from '../support/folder.ts';
import { freePort } from '../support/free-port.ts';
import { post } from '../support/post.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { describeWith, listening, stopProgram } from '../support/program.ts';
import { startService } from '../support/service.ts';

const NOBODY = 65_534;
const KEY = 'admin-key-0123456789-0123456789-01';
const DIRECTORY = [
  { type: 'user', id: 'alice' },
  { type: 'video', id: 'film' },
  { type: 'room', id: 'room', videoIds: ['film'], memberIds: ['alice'] },
];

let postgres: Postgres;
let databases = 0;
const folder = temporaryFolder();
beforeAll(async () => {
  postgres = await startPostgres();
  chmodSync(folder.path, 0o755);
});
afterAll(async () => {
  await postgres.stop();
  folder.remove();
});

/** PgBouncer in front of a database of its own, in this mode, with so many connections to the server. */
async function startPooler(mode: string, size: number): Promise<string> {
  const name = `pooled_${++databases}`;
  const { hostname, port: server } = new URL(await postgres.createDatabase(name));
  const port = await freePort();
  const path = join(folder.path, `${name}.ini`);
  writeFileSync(
    path,
    `[databases]
${name} = host=${hostname} port=${server} dbname=${name} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
auth_type = any
unix_socket_dir =
pool_mode = ${mode}
default_pool_size = ${size}
`,
  );
  chownSync(path, NOBODY, NOBODY);
  // It does not run as root.
  const child: ChildProcess = spawn('pgbouncer', [path], {
    uid: NOBODY,
    gid: NOBODY,
    stdio: 'ignore',
  });
  await listening(port, child);
  onTestFinished(() => stopProgram(child, 'SIGKILL'));
  return `postgres://anybody@127.0.0.1:${port}/${name}`;
}

describeWith('pgbouncer', 'behind PgBouncer', () => {
  describe.each([
    ['transaction', 3],
    ['transaction', 1],
    ['session', 20],
  ])('in %s mode with %i connections', (mode, size) => {
    it('300 requests, an import, an export, a change and doctor have no failure', async () => {
      const url = await startPooler(mode, size);
      const variables = { ACCESS_MODE: 'postgres', DATABASE_URL: url, ADMIN_API_KEY: KEY };
      const services = [await startService(variables), await startService(variables)];
      for (const { stop } of services) onTestFinished(stop);
      const [{ internal }] = services as [(typeof services)[0]];
      const headers = { authorization: `Bearer ${KEY}` };
      const send = (method: string, path: string, type: string, body: string) =>
        fetch(`${internal}${path}`, {
          method,
          headers: { ...headers, 'content-type': type },
          body,
        });

      const lines = [
        ...DIRECTORY,
        ...Array.from({ length: 2_000 }, (_, i) => ({ type: 'user', id: `u${i}` })),
      ];
      const ndjson = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
      const imported = await send('POST', '/directory/import', 'application/x-ndjson', ndjson);
      expect([imported.status, await imported.text()]).toEqual([200, expect.any(String)]);

      const asks = Array.from({ length: 300 }, (_, i) => post(services[i % 2]?.origin ?? ''));
      const codes = (await Promise.all(asks)).map(({ status, code }) => `${status} ${code ?? ''}`);
      expect(new Set(codes)).toEqual(new Set(['200 ']));

      for (let change = 0; change < 20; change++) {
        const put = await send('PUT', `/directory/users/v${change}`, 'application/json', '{}');
        expect(put.status).toBeLessThan(300);
      }
      const exported = await fetch(`${internal}/directory/export`, { headers });
      expect((await exported.text()).split('\n')).toHaveLength(lines.length + 20 + 1);
      const doctor = await cli(['doctor'], {
        env: {
          ...variables,
          ZEGO_APP_ID: '1',
          ZEGO_SERVER_SECRET: 'abcdefghijklmnopqrstuvwxyzabcdef',
          AUTH_JWT_SECRET: 'a secret of at least 32 bytes, yes',
        },
      });
      expect([doctor.code, doctor.stdout]).toEqual([
        0,
        expect.stringContaining('access (postgres): answers'),
      ]);
      for (const service of services)
        expect(service.stdout()).not.toMatch(/"level":"(warn|error)".*(42P05|26000)/);
    });

    it('a change does not wait longer for the lock of another one', async () => {
      const url = await startPooler(mode, size + 2);
      const service = await startService({
        ACCESS_MODE: 'postgres',
        DATABASE_URL: url,
        ADMIN_API_KEY: KEY,
      });
      onTestFinished(service.stop);
      const other = new pg.Client(url);
      other.on('error', () => {});
      await other.connect();
      onTestFinished(() => other.end());
      await other.query('BEGIN');
      await other.query('SELECT pg_advisory_xact_lock(4004)');
      const started = performance.now();
      const put = await fetch(`${service.internal}/directory/users/late`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
        body: '{}',
      });
      expect(put.status).toBe(503);
      expect(performance.now() - started).toBeLessThan(4_000);
      await other.query('ROLLBACK');
    });
  });
});
