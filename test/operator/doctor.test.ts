import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { openSqliteDatabase } from '../../src/directory/sqlite/database.ts';
import { openAccess } from '../../src/open-access.ts';
import { doctor } from '../../src/operator/doctor.ts';
import { readRegularFile } from '../../src/regular-file.ts';
import { runCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { freePort } from '../support/free-port.ts';
import { newKeys } from '../support/keys.ts';
import { startPostgres } from '../support/postgres.ts';

const folder = temporaryFolder();
const path = join(folder.path, 'access.db');
await (await openSqliteDatabase(path)).close();
afterAll(folder.remove);

const ENV = {
  ZEGO_APP_ID: '1',
  ZEGO_SERVER_SECRET: 'abcdefghijklmnopqrstuvwxyzabcdef',
  AUTH_JWT_SECRET: 'doctor-jwt-secret-0123456789-0123456789',
  ACCESS_SQLITE_PATH: path,
};

async function examine(env: Record<string, string>) {
  const environment = { ...ENV, ...env };
  const { code, stdout } = await runCommand((terminal) =>
    doctor(environment, readRegularFile, '', { json: true, terminal }),
  );
  const { healthy, findings } = JSON.parse(stdout) as {
    healthy: boolean;
    findings: { check: string; ok: boolean; detail: string; fix?: string }[];
  };
  const wrong = findings.filter(({ ok }) => !ok).map(({ check, fix }) => [check, fix]);
  return { code, healthy, wrong };
}

describe('the doctor', () => {
  it('finds nothing where everything is in order', async () => {
    expect(await examine({})).toEqual({ code: 0, healthy: true, wrong: [] });
  });

  it('names every variable that is wrong, and one that is not known', async () => {
    const { code, wrong } = await examine({ ZEGO_APP_ID: '0', TOKEN_MODE: 'ecb' });
    expect({ code, count: wrong.length }).toEqual({ code: 2, count: 2 });
    expect(await examine({ TOKEN_TLL_SECONDS: '60' })).toMatchObject({
      code: 2,
      healthy: false,
      wrong: [['configuration', expect.stringContaining('did you mean TOKEN_TTL_SECONDS?')]],
    });
    expect(await examine({ NEXT_PUBLIC_ZEGO_SERVER_SECRET: 'x' })).toMatchObject({
      healthy: false,
    });
  });

  it('takes the way of a change, and names a PostgreSQL that takes none', async () => {
    const postgres = await startPostgres();
    onTestFinished(postgres.stop);
    const url = await postgres.createDatabase('doctor');
    const env = { ACCESS_MODE: 'postgres', DATABASE_URL: url };
    await (await openAccess({ mode: 'postgres', url })).service.close();
    expect(await examine(env)).toMatchObject({ code: 0, wrong: [] });
    const client = new pg.Client(url);
    await client.connect();
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock(4004)');
    // Another change that runs is no fault.
    expect(await examine(env)).toMatchObject({ code: 0, wrong: [] });
    await client.query('ROLLBACK');
    await client.query('ALTER DATABASE doctor SET default_transaction_read_only = on');
    await client.end();
    expect(await examine(env)).toMatchObject({
      code: 1,
      wrong: [['access (postgres)', expect.stringContaining('address of the primary')]],
    });
  });

  it('names keys, a database, a backend and a Redis that do not answer, with what to do', async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    const jwks = {
      AUTH_JWT_SECRET: '',
      AUTH_JWKS_URL: `http://${nobody}/jwks`,
      AUTH_ISSUER: 'issuer',
      AUTH_AUDIENCE: 'audience',
    };
    expect(await examine(jwks)).toMatchObject({
      code: 1,
      wrong: [['keys', expect.stringContaining(nobody)]],
    });
    const postgres = { ACCESS_MODE: 'postgres', DATABASE_URL: `postgres://u:canary@${nobody}/db` };
    expect((await examine(postgres)).wrong).toEqual([
      ['access (postgres)', expect.stringContaining('DATABASE_URL')],
    ]);
    const backend = {
      ACCESS_MODE: 'http',
      ACCESS_HTTP_URL: `http://${nobody}/`,
      ACCESS_HTTP_SECRET: 'backend-secret-0123456789-0123456789',
    };
    expect((await examine(backend)).wrong).toEqual([
      ['access (http)', expect.stringContaining('your backend')],
    ]);
    const redis = { REDIS_URL: `redis://${nobody}` };
    expect((await examine(redis)).wrong).toEqual([['Redis', expect.stringContaining('REDIS_URL')]]);
  });

  it('says what is wrong with a SQLite file, and creates none', async () => {
    const missing = join(folder.path, 'mistyped.db');
    const text = join(folder.path, 'text.db');
    writeFileSync(text, 'a text of some length that is no database at all'.repeat(40));
    const fixes = [
      [missing, 'check the path'],
      [folder.path, 'add the name of the file'],
      [text, 'check the path'],
    ];
    for (const [file = '', fix = ''] of fixes) {
      const { wrong } = await examine({ ACCESS_SQLITE_PATH: file });
      expect(wrong).toEqual([
        ['access (sqlite)', `ACCESS_SQLITE_PATH: ${fix}`].map((expected) =>
          expect.stringContaining(expected),
        ),
      ]);
    }
    expect(existsSync(missing)).toBe(false);
  });

  it('names a key set without a usable key, and entries that cannot be used', async () => {
    let answer = '{"keys":[]}';
    const server = createServer((_request, response) => response.end(answer));
    const port = await freePort();
    server.listen(port, '127.0.0.1');
    onTestFinished(() => void server.close());
    const variables = {
      AUTH_JWT_SECRET: '',
      AUTH_JWKS_URL: `http://127.0.0.1:${port}/jwks`,
      AUTH_ISSUER: 'issuer',
      AUTH_AUDIENCE: 'audience',
    };
    const empty = await examine(variables);
    expect([empty.code, empty.wrong.map(([check]) => check)]).toEqual([1, ['keys']]);
    const { stdout } = await runCommand((terminal) =>
      doctor({ ...ENV, ...variables }, readRegularFile, '', { json: false, terminal }),
    );
    expect(stdout).toContain('no key that fits an allowed algorithm (NO_USABLE_KEY)');
    answer = JSON.stringify({ keys: [null, { kty: 'EC' }, newKeys('ES256').publicJwk] });
    const skipped = await runCommand((terminal) =>
      doctor({ ...ENV, ...variables }, readRegularFile, '', { json: true, terminal }),
    );
    const { findings } = JSON.parse(skipped.stdout);
    expect(findings).toContainEqual({
      check: 'keys',
      ok: true,
      detail: expect.any(String),
      fix: expect.stringContaining('keys[0]: not an object, keys[1]: an unknown type or curve'),
    });
  });

  it('notices a clock that differs from that of the OpenID provider', async () => {
    const server = createServer((_request, response) => {
      response.setHeader('date', new Date(Date.now() - 60_000).toUTCString());
      response.end(JSON.stringify({ keys: [newKeys('ES256').publicJwk] }));
    });
    const port = await freePort();
    server.listen(port, '127.0.0.1');
    onTestFinished(() => void server.close());
    const { wrong } = await examine({
      AUTH_JWT_SECRET: '',
      AUTH_JWKS_URL: `http://127.0.0.1:${port}/jwks`,
      AUTH_ISSUER: 'issuer',
      AUTH_AUDIENCE: 'audience',
    });
    expect(wrong).toEqual([['clock', expect.stringContaining('NTP')]]);
  });
});
