import { once } from 'node:events';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openSqliteDatabase } from '../../src/directory/sqlite/database.ts';
import { temporaryFolder } from '../support/folder.ts';
import { GUARDED_USER, type Postgres, startPostgres } from '../support/postgres.ts';
import { expectDiscreet, refusedAccess } from '../support/refusal.ts';
import type { Variables } from '../support/service.ts';

const CANARY = 'canary-password-5f0a8c37e1b24d69';

const { path: folder, remove } = temporaryFolder();
const file = (name: string) => join(folder, name);
let postgres: Postgres;
let database: string;
let taken: number;
const blocker = createServer();

beforeAll(async () => {
  postgres = await startPostgres();
  database = await postgres.createDatabase('mistakes');
  await once(blocker.listen(0, '127.0.0.1'), 'listening');
  taken = (blocker.address() as AddressInfo).port;
  await prepareFiles();
  await prepareRoles();
});

afterAll(async () => {
  blocker.close();
  await postgres.stop();
  remove();
});

async function prepareFiles(): Promise<void> {
  mkdirSync(file('folder'));
  writeFileSync(
    file('text.db'),
    'This is a text and no database, whatever its name says. '.repeat(20),
  );
  await (await openSqliteDatabase(file('newer.db'))).close();
  const newer = new DatabaseSync(file('newer.db'));
  newer.exec(`INSERT INTO schema_version (version, name) VALUES (999, 'contract-drop-titles')`);
  newer.close();
  const other = new DatabaseSync(file('other.db'));
  other.exec('CREATE TABLE bookmarks (url TEXT)');
  other.close();
  const whole = new DatabaseSync(file('truncated.db'));
  whole.exec('CREATE TABLE users (id TEXT); CREATE TABLE schema_version (version INTEGER)');
  for (let i = 0; i < 500; i++) whole.exec(`INSERT INTO users VALUES ('${'x'.repeat(200)}')`);
  whole.close();
  truncateSync(file('truncated.db'), 6_000);
}

async function prepareRoles(): Promise<void> {
  const client = new pg.Client(database);
  await client.connect();
  await client.query(`CREATE ROLE reader LOGIN; CREATE ROLE nologin;
    REVOKE CREATE ON SCHEMA public FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC`);
  await client.end();
}

const as = (user: string, name = 'mistakes') => {
  const url = new URL(database);
  url.username = user;
  url.password = CANARY;
  url.pathname = `/${name}`;
  return { ACCESS_MODE: 'postgres', DATABASE_URL: url.href };
};
const postgresAt = (host: string, query = '') => ({
  ACCESS_MODE: 'postgres',
  DATABASE_URL: `postgres://user:${CANARY}@${host}/directory${query}`,
});
const sqlite = (name: string) => ({ ACCESS_SQLITE_PATH: file(name) });

type Mistake = [name: string, variables: () => Variables, variable: string, cause: RegExp];

const MISTAKES: Mistake[] = [
  [
    'a SQLite path that is a folder',
    () => sqlite('folder'),
    'ACCESS_SQLITE_PATH',
    /folder; it is a folder.*access\.db/,
  ],
  [
    'a SQLite path that is a text',
    () => sqlite('text.db'),
    'ACCESS_SQLITE_PATH',
    /text\.db; file is not a database/,
  ],
  [
    'a SQLite path below a file',
    () => sqlite('text.db/a.db'),
    'ACCESS_SQLITE_PATH',
    /a part of the path is a file/,
  ],
  [
    'a SQLite path where no folder can be made',
    () => ({ ACCESS_SQLITE_PATH: '/proc/nowhere/a.db' }),
    'ACCESS_SQLITE_PATH',
    /\/proc\/nowhere\/a\.db; .*(no such file or folder|read-only|permi)/,
  ],
  [
    'a SQLite file of another program',
    () => sqlite('other.db'),
    'ACCESS_SQLITE_PATH',
    /other\.db; it is the database of another program/,
  ],
  [
    'a SQLite file that was cut',
    () => sqlite('truncated.db'),
    'ACCESS_SQLITE_PATH',
    /truncated\.db; database disk image is malformed/,
  ],
  [
    'a directory of a newer release',
    () => sqlite('newer.db'),
    'ACCESS_SQLITE_PATH',
    /newer than this release/,
  ],
  [
    'PostgreSQL down',
    () => postgresAt('127.0.0.1:2'),
    'DATABASE_URL',
    /127\.0\.0\.1:2; connection refused/,
  ],
  [
    'PostgreSQL on an unknown host',
    () => postgresAt('nowhere.invalid'),
    'DATABASE_URL',
    /nowhere\.invalid:5432; .*host/,
  ],
  [
    'PostgreSQL with a TLS option that it lacks',
    () => postgresAt(new URL(database).host, '?sslmode=require'),
    'DATABASE_URL',
    /does not support TLS.*sslmode/,
  ],
  [
    'PostgreSQL with a certificate that is not there',
    () => postgresAt('127.0.0.1:2', '?sslmode=verify-full&sslrootcert=/nowhere.pem'),
    'DATABASE_URL',
    /no such file.*sslrootcert/,
  ],
  [
    'another service in place of PostgreSQL',
    () => postgresAt(`127.0.0.1:${taken}`),
    'DATABASE_URL',
    /no connection in time/,
  ],
  [
    'an unknown user',
    () => as('stranger'),
    'DATABASE_URL',
    /role "stranger" does not exist \(28000\)/,
  ],
  [
    'a user whose name would steer a terminal',
    () => as('str\u001b[2Janger'),
    'DATABASE_URL',
    /role "str\[2Janger" does not exist/,
  ],
  [
    'a wrong password',
    () => as(GUARDED_USER),
    'DATABASE_URL',
    /password authentication failed for user "guarded" \(28P01\); check the user and the password/,
  ],
  ['a user that may not log in', () => as('nologin'), 'DATABASE_URL', /not permitted to log in/],
  [
    'an unknown database',
    () => as('postgres', 'nowhere'),
    'DATABASE_URL',
    /database "nowhere" does not exist.*create it/,
  ],
  ['a user without rights', () => as('reader'), 'DATABASE_URL', /schema.*grant/],
  [
    'a socket of PostgreSQL with a line end in its path',
    () => postgresAt('%2Fnowhere%0Arun'),
    'DATABASE_URL',
    /cannot use \/nowhererun; no such file/,
  ],
  [
    'a socket of PostgreSQL that is not there',
    () => ({
      ACCESS_MODE: 'postgres',
      DATABASE_URL: `postgres://u:${CANARY}@h/x?host=/nowhere/run`,
    }),
    'DATABASE_URL',
    /cannot use \/nowhere\/run; no such file or folder/,
  ],
];

it.each(MISTAKES)(
  'a database that cannot be used is one line: %s',
  async (_name, variables, variable, cause) => {
    const line = await refusedAccess(variables());
    expect(line).toMatch(cause);
    expect(line.split(':')[0]).toBe(variable);
    expect(line).not.toContain('\n');
    expectDiscreet(line, CANARY);
  },
);
