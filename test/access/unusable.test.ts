import { truncateSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GUARDED_USER } from '../support/postgres.ts';
import { expectDiscreet, refusedAccess } from '../support/refusal.ts';
import { CANARY, type Mistake, startUnusable } from '../support/unusable.ts';

let unusable: Awaited<ReturnType<typeof startUnusable>>;

beforeAll(async () => {
  unusable = await startUnusable();
  await prepareFiles();
  await prepareRoles();
});

afterAll(() => unusable.stop());

async function prepareFiles(): Promise<void> {
  const { file, makeNewer } = unusable;
  await makeNewer('newer.db', 'contract-drop-titles');
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
  const client = new pg.Client(unusable.database);
  await client.connect();
  await client.query(`CREATE ROLE reader LOGIN; CREATE ROLE nologin;
    REVOKE CREATE ON SCHEMA public FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC`);
  await client.end();
}

const MISTAKES: Mistake[] = [
  [
    'a SQLite path that is a folder',
    () => unusable.sqlite('folder'),
    'ACCESS_SQLITE_PATH',
    /folder; it is a folder.*access\.db/,
  ],
  [
    'a SQLite path that is a text',
    () => unusable.sqlite('text.db'),
    'ACCESS_SQLITE_PATH',
    /text\.db; file is not a database/,
  ],
  [
    'a SQLite path below a file',
    () => unusable.sqlite('text.db/a.db'),
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
    () => unusable.sqlite('other.db'),
    'ACCESS_SQLITE_PATH',
    /other\.db; it is the database of another program/,
  ],
  [
    'a SQLite file that was cut',
    () => unusable.sqlite('truncated.db'),
    'ACCESS_SQLITE_PATH',
    /truncated\.db; database disk image is malformed/,
  ],
  [
    'a directory of a newer release',
    () => unusable.sqlite('newer.db'),
    'ACCESS_SQLITE_PATH',
    /newer than this release/,
  ],
  [
    'PostgreSQL down',
    () => unusable.postgresAt('127.0.0.1:2'),
    'DATABASE_URL',
    /127\.0\.0\.1:2; connection refused/,
  ],
  [
    'PostgreSQL on an unknown host',
    () => unusable.postgresAt('nowhere.invalid'),
    'DATABASE_URL',
    /nowhere\.invalid:5432; .*host/,
  ],
  [
    'PostgreSQL with a TLS option that it lacks',
    () => unusable.postgresAt(new URL(unusable.database).host, '?sslmode=require'),
    'DATABASE_URL',
    /does not support TLS.*sslmode/,
  ],
  [
    'PostgreSQL with a certificate that is not there',
    () => unusable.postgresAt('127.0.0.1:2', '?sslmode=verify-full&sslrootcert=/nowhere.pem'),
    'DATABASE_URL',
    /no such file.*sslrootcert/,
  ],
  [
    'another service in place of PostgreSQL',
    () => unusable.postgresAt(`127.0.0.1:${unusable.taken}`),
    'DATABASE_URL',
    /no connection in time/,
  ],
  [
    'an unknown user',
    () => unusable.as('stranger'),
    'DATABASE_URL',
    /role "stranger" does not exist \(28000\)/,
  ],
  [
    'a user whose name would steer a terminal',
    () => unusable.as('str\u001b[2Janger'),
    'DATABASE_URL',
    /role "str\[2Janger" does not exist/,
  ],
  [
    'a wrong password',
    () => unusable.as(GUARDED_USER),
    'DATABASE_URL',
    /password authentication failed for user "guarded" \(28P01\); check the user and the password/,
  ],
  [
    'a user that may not log in',
    () => unusable.as('nologin'),
    'DATABASE_URL',
    /not permitted to log in/,
  ],
  [
    'an unknown database',
    () => unusable.as('postgres', 'nowhere'),
    'DATABASE_URL',
    /database "nowhere" does not exist.*create it/,
  ],
  ['a user without rights', () => unusable.as('reader'), 'DATABASE_URL', /schema.*grant/],
  [
    'a socket of PostgreSQL with a line end in its path',
    () => unusable.postgresAt('%2Fnowhere%0Arun'),
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
