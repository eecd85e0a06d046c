import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openPostgres } from '../../src/directory/postgres/open.ts';
import { openSqliteDatabase } from '../../src/directory/sqlite/database.ts';
import { temporaryFolder } from '../support/folder.ts';
import { freePort } from '../support/free-port.ts';
import { newKeys } from '../support/keys.ts';
import { GUARDED_USER } from '../support/postgres.ts';
import { ready, startProgram, VARIABLES, type Variables } from '../support/service.ts';
import { CANARY, type Mistake, startUnusable } from '../support/unusable.ts';
import { writings } from '../support/writings.ts';

const SECRET = 'abcdefghijklmnopqrstuvwxyzabcdef';

let unusable: Awaited<ReturnType<typeof startUnusable>>;
const file = (name: string) => unusable.file(name);

beforeAll(async () => {
  unusable = await startUnusable();
  writeFileSync(file('marked.json'), `\ufeff[{"issuer": "a", "secret": "${CANARY}"}]`);
  writeFileSync(file('marked.txt'), `\ufeff${VARIABLES.ZEGO_SERVER_SECRET}\n`);
  writeFileSync(file('pipes.json'), `[{"issuer": "a", "secretFile": "${file('pipe')}"}]`);
  execFileSync('mkfifo', [file('pipe')]);
  await (await openSqliteDatabase(file('good.db'))).close();
  await unusable.makeNewer('expanded.db', 'expand-room-publish');
});

afterAll(() => unusable.stop());

const none = { AUTH_JWT_SECRET: '' };
const secretFile = (name: string) => ({ ZEGO_SERVER_SECRET: '', ZEGO_SERVER_SECRET_FILE: name });
const providers = (name: string) => ({ ...none, AUTH_PROVIDERS_FILE: file(name) });
const jwks = { AUTH_JWKS_URL: 'https://a.example/jwks', AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' };

// The others are in test/config/refusals.test.ts, which starts no process.
const OF_CONFIGURATION: Mistake[] = [
  ['no AppID', () => ({ ZEGO_APP_ID: '' }), 'ZEGO_APP_ID', /is required/],
  [
    'a short ServerSecret',
    () => ({ ZEGO_SERVER_SECRET: CANARY.slice(0, 9) }),
    'ZEGO_SERVER_SECRET',
    /32 bytes/,
  ],
  // A pipe or a device could block a process: it shall not be that of the tests.
  [
    'a secret file that is a pipe',
    () => secretFile(file('pipe')),
    'ZEGO_SERVER_SECRET_FILE',
    /not a regular/,
  ],
  [
    'a secret file without an end',
    () => secretFile('/dev/zero'),
    'ZEGO_SERVER_SECRET_FILE',
    /not a regular/,
  ],
  ['providers: a pipe', () => providers('pipe'), 'AUTH_PROVIDERS_FILE', /not a regular file/],
  [
    'providers: a pipe inside',
    () => providers('pipes.json'),
    'AUTH_PROVIDERS_FILE',
    /not a regular file/,
  ],
];

// Other databases that cannot be used are in test/access/unusable.test.ts and database-tls.test.ts.
const OF_THE_WORLD: Mistake[] = [
  [
    'a SQLite path that is a text',
    () => unusable.sqlite('text.db'),
    'ACCESS_SQLITE_PATH',
    /text\.db; file is not a database/,
  ],
  [
    'a SQLite path outside of what the image may use',
    () => ({
      ...unusable.sqlite('folder/outside.db'),
      NODE_OPTIONS:
        '--permission --allow-fs-read=* --disable-warning=ExperimentalWarning --allow-net',
    }),
    'ACCESS_SQLITE_PATH',
    /outside\.db; the process may not access this path/,
  ],
  [
    'PostgreSQL down',
    () => unusable.postgresAt('127.0.0.1:2'),
    'DATABASE_URL',
    /127\.0\.0\.1:2; connection refused/,
  ],
  [
    'a wrong password',
    () => unusable.as(GUARDED_USER),
    'DATABASE_URL',
    /password authentication failed for user "guarded" \(28P01\); check the user and the password/,
  ],
  [
    'a public port that is taken',
    () => ({ PORT: String(unusable.taken) }),
    'PORT',
    /127\.0\.0\.1:\d+; another process listens there/,
  ],
  [
    'an internal port that is taken',
    () => ({ INTERNAL_PORT: String(unusable.taken) }),
    'INTERNAL_PORT',
    /another process listens there/,
  ],
  [
    'a host of another machine',
    () => ({ HOST: '203.0.113.7' }),
    'HOST',
    /203\.0\.113\.7.*not one of this machine/,
  ],
  [
    'an internal host that does not exist',
    () => ({ INTERNAL_HOST: 'nowhere.invalid' }),
    'INTERNAL_HOST',
    /nowhere\.invalid.*host/,
  ],
  [
    'a host that is no address of IPv6 here',
    () => ({ HOST: '2001:db8::7' }),
    'HOST',
    /\[2001:db8::7\]:0; the address is not one/,
  ],
  ...['sslrootcert', 'sslcert', 'sslkey'].map(
    (name): Mistake => [
      `PostgreSQL with a pipe as ${name}`,
      () => unusable.postgresAt('127.0.0.1:2', `?${name}=${file('pipe')}`),
      'DATABASE_URL',
      /not a regular file.*sslrootcert/,
    ],
  ),
];

/** Starts the program with one mistake and reads what it says until it ends. */
async function start(variables: Variables) {
  const program = startProgram({ ...VARIABLES, ...unusable.sqlite('good.db'), ...variables });
  onTestFinished(program.stop);
  const { code } = await program.exited;
  const [stdout, stderr] = [program.stdout(), program.stderr()];
  expect(writings(CANARY).filter((text) => (stdout + stderr).includes(text))).toEqual([]);
  expect(stdout + stderr).not.toMatch(/^\s+at |node_modules/m);
  expect(stderr).not.toMatch(/(?!\n)\p{Cc}/u);
  return { code, lines: stderr.trimEnd().split('\n') };
}

describe('a mistake in the configuration', () => {
  it.each(OF_CONFIGURATION)(
    'is one line and exit code 2: %s',
    async (_name, variables, variable, cause) => {
      const { code, lines } = await start(variables());
      expect(lines).toEqual([expect.stringMatching(cause)]);
      expect([code, lines[0]?.split(':')[0]]).toEqual([2, variable]);
    },
  );
});

describe('a mistake in the world outside', () => {
  it.each(OF_THE_WORLD)(
    'is one line and exit code 1: %s',
    async (_name, variables, variable, cause) => {
      const { code, lines } = await start(variables());
      expect(lines).toEqual([expect.stringMatching(cause)]);
      expect([code, lines[0]?.split(':')[0]]).toEqual([1, variable]);
    },
  );
});

it('a release of Node.js that is too old is named, with the one that is needed', async () => {
  const old = `Object.defineProperty(process, 'versions', { value: { node: '20.19.0' } })`;
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(old)}`;
  const { code, lines } = await start({ NODE_OPTIONS });
  expect([code, lines]).toEqual([
    2,
    [expect.stringMatching(/^node: release 20\.19\.0 .*needs 26/)],
  ]);
});

describe('a name that is mistyped', () => {
  it('stands beside the name that is missing, with what was meant', async () => {
    const { code, lines } = await start({ ZEGO_APP_ID: '', ZEGO_APPID: '1234567890' });
    expect([code, lines.length]).toEqual([2, 2]);
    expect(lines[1]).toBe('ZEGO_APPID: is not known; did you mean ZEGO_APP_ID?');
  });

  it('is seen in other letters, and where its end was left out', async () => {
    const names = { zego_app_id: '1234567890', TOKEN_TTL: '60', ZEGO_APP_ID: '' };
    const { lines } = await start(names);
    expect(lines.slice(1)).toEqual([
      'zego_app_id: is not known; did you mean ZEGO_APP_ID?',
      'TOKEN_TTL: is not known; did you mean TOKEN_TTL_SECONDS?',
    ]);
  });

  it('is a warning after a good start, from the environment and from .env', async () => {
    const { path, remove } = temporaryFolder();
    onTestFinished(remove);
    writeFileSync(join(path, '.env'), 'CORS_ORIGIN=https://app.example\nREDIS_URI=redis://r\n');
    const names = {
      RATE_LIMIT_PER_UESR: '5',
      MY_API_SERVICE_HOST: '10.0.0.1',
      MY_API_PORT: 'tcp://10.0.0.1',
    };
    const program = startProgram({ ...VARIABLES, ...unusable.sqlite('good.db'), ...names }, path);
    onTestFinished(program.stop);
    await ready(program);
    const warnings = program
      .stdout()
      .split('\n')
      .filter((line) => line.includes('"unknown variable"'))
      .map((line) => JSON.parse(line));
    expect(warnings.map(({ variable, suggestion }) => [variable, suggestion]).sort()).toEqual([
      ['CORS_ORIGIN', 'CORS_ORIGINS'],
      ['RATE_LIMIT_PER_UESR', 'RATE_LIMIT_PER_USER'],
      ['REDIS_URI', 'REDIS_URL'],
    ]);
  });
});

describe('a file .env', () => {
  async function startIn(prepare: (path: string) => void) {
    const { path, remove } = temporaryFolder();
    onTestFinished(remove);
    prepare(path);
    const { ZEGO_SERVER_SECRET: _, ...others } = VARIABLES;
    const program = startProgram({ ...others, ...unusable.sqlite('good.db') }, path);
    onTestFinished(program.stop);
    return program;
  }

  it('that cuts a secret at an unquoted # ends the start', async () => {
    const text = 'ZEGO_SERVER_SECRET=abcdefghijklmnopqrstuvwxyzabcdef#canary\n';
    const program = await startIn((path) => writeFileSync(join(path, '.env'), text));
    expect((await program.exited).code).toBe(2);
    expect(program.stderr()).toBe(
      'ZEGO_SERVER_SECRET: ends at the # in .env; put the value into single quotes\n',
    );
  });

  it('may hold a # in quotes, and a comment behind a space', async () => {
    const text = `ZEGO_SERVER_SECRET='#bcdefghijklmnopqrstuvwxyzabcdef'\nADMIN_API_KEY=${SECRET} # mine\n`;
    await ready(await startIn((path) => writeFileSync(join(path, '.env'), text)));
  });

  it('that is UTF-16 ends the start', async () => {
    const text = Buffer.from(`\ufeffZEGO_SERVER_SECRET=${SECRET}\n`, 'utf16le');
    const program = await startIn((path) => writeFileSync(join(path, '.env'), text));
    expect((await program.exited).code).toBe(2);
    expect(program.stderr()).toMatch(/^\.env: .*UTF-8.*\n$/);
  });

  it('that is a folder ends the start', async () => {
    const program = await startIn((path) => mkdirSync(join(path, '.env')));
    expect((await program.exited).code).toBe(2);
    expect(program.stderr()).toMatch(/^\.env: cannot be read; it is a folder.*\n$/);
  });
});

describe('a start that can serve nobody', () => {
  async function warning(variables: Variables, message: RegExp) {
    const program = startProgram({ ...VARIABLES, ...unusable.sqlite('good.db'), ...variables });
    onTestFinished(program.stop);
    await ready(program);
    return program.line(({ level, msg }) => level === 'warn' && message.test(String(msg)));
  }

  it('warns of a SQLite file that had to be created, with its path', async () => {
    const line = await warning(unusable.sqlite('mistyped.db'), /database created/);
    expect(line).toMatchObject({ path: file('mistyped.db') });
  });

  it('warns of a directory without a room', async () => {
    expect(await warning({}, /no room/)).toMatchObject({ path: file('good.db') });
  });

  it('warns of keys that cannot be fetched, with the cause', async () => {
    const url = `http://127.0.0.1:${await freePort()}/jwks`;
    const line = await warning({ ...none, ...jwks, AUTH_JWKS_URL: url }, /jwks fetch failed/);
    expect(line).toMatchObject({ issuer: 'i', reason: 'ECONNREFUSED' });
  });

  it('warns of a Redis that is not there, with the cause, and serves', async () => {
    const url = `redis://:${CANARY}@127.0.0.1:${await freePort()}`;
    const line = await warning({ REDIS_URL: url }, /Redis unreachable/);
    expect(line).toMatchObject({
      variable: 'REDIS_URL',
      reason: 'ECONNREFUSED',
      problem: expect.stringMatching(/^cannot use 127\.0\.0\.1:\d+; connection refused/),
    });
  });

  it.each([
    ['that is not there', () => freePort(), /; connection refused/],
    ['that is another program', async () => unusable.taken, /no answer in time/],
  ])('warns of a backend %s, and serves', async (_name, port, cause) => {
    const variables = {
      ACCESS_MODE: 'http',
      ACCESS_HTTP_URL: `http://127.0.0.1:${await port()}/`,
      ACCESS_HTTP_SECRET: CANARY,
      ACCESS_HTTP_TIMEOUT_MS: '200',
    };
    const line = await warning(variables, /backend check failed/);
    expect(line).toMatchObject({
      variable: 'ACCESS_HTTP_URL',
      problem: expect.stringMatching(cause),
    });
  });

  it('names the address of keys that cannot be fetched', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const line = await warning({ ...none, ...jwks, AUTH_JWKS_URL: `${url}/jwks` }, /jwks fetch/);
    expect(line).toMatchObject({ address: url.slice('http://'.length) });
  });
});

describe('what looks like a mistake and is none', () => {
  it.each<[string, () => Variables]>([
    ['a schema that a newer release has only expanded', () => unusable.sqlite('expanded.db')],
    ['providers behind a byte order mark', () => providers('marked.json')],
    [
      'a secret that begins like a placeholder',
      () => ({ AUTH_JWT_SECRET: `your${'_'.repeat(70)}` }),
    ],
    ['a secret behind a byte order mark', () => secretFile(file('marked.txt'))],
    [
      'a PEM with \\n in place of its line ends',
      () => ({ ...none, AUTH_JWT_PUBLIC_KEY: newKeys('ES256').publicPem.replaceAll('\n', '\\n') }),
    ],
  ])('starts: %s', async (_name, variables) => {
    const program = startProgram({ ...VARIABLES, ...unusable.sqlite('good.db'), ...variables() });
    onTestFinished(program.stop);
    await ready(program);
  });

  it('is a schema of PostgreSQL that a newer release has only expanded, and one that it has not is', async () => {
    const url = await unusable.postgres.createDatabase('newer');
    const { database } = await openPostgres(url);
    const add = (version: number, name: string) =>
      database.query('INSERT INTO schema_version (version, name) VALUES ($1, $2)', [version, name]);
    await add(998, 'expand-room-publish');
    const variables = { ...VARIABLES, ACCESS_MODE: 'postgres', DATABASE_URL: url };
    const program = startProgram(variables);
    onTestFinished(program.stop);
    await ready(program);
    await add(999, 'contract-titles');
    await database.close();
    const { code, lines } = await start(variables);
    expect([code, lines]).toEqual([
      1,
      [expect.stringMatching(/^DATABASE_URL: .*newer than this release/)],
    ]);
  });
});
