import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { makeFolder, type Program, ready, startProgram, VARIABLES } from '../support/service.ts';

let program: Program | undefined;

afterEach(async () => {
  await program?.stop();
});

async function fail(variables: Record<string, string>) {
  program = startProgram(variables);
  const { code } = await program.exited;
  return { code, stdout: program.stdout(), lines: program.stderr().trimEnd().split('\n') };
}

describe('a bad configuration ends the start', () => {
  it('with every missing variable on a line of its own', async () => {
    const { code, stdout, lines } = await fail({});
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(lines.map((line) => line.split(':')[0])).toEqual([
      'ZEGO_APP_ID',
      'ZEGO_SERVER_SECRET',
      'AUTH_JWT_SECRET',
    ]);
    for (const line of lines.slice(0, 2)) expect(line).toMatch(/^\w+: is required \(for example /);
  });

  it('with every wrong variable on a line of its own, and without a value', async () => {
    const wrong = {
      PORT: '99x99',
      ZEGO_APP_ID: '-47',
      ZEGO_SERVER_SECRET: 'short-canary-secret',
      AUTH_JWT_SECRET: 'short-canary-jwt',
      TRUST_PROXY: '7',
      CORS_ORIGINS: '*',
      TOKEN_TTL_SECONDS: '59',
      TOKEN_MODE: 'canary-mode',
      ADMIN_API_KEY: 'short-canary-key',
      DATABASE_URL: 'mysql://canary:canary@db/x',
      VITE_ZEGO_SERVER_SECRET: 'canary-in-the-bundle',
    };
    const { code, lines } = await fail(wrong);
    expect(code).toBe(2);
    const named = lines.map((line) => line.split(':')[0] ?? '');
    expect(named.toSorted()).toEqual(Object.keys(wrong).toSorted());
    expect(lines.join('\n')).not.toMatch(/canary|99x99|-47/);
  });

  it('with a word about an AppSign in place of a ServerSecret', async () => {
    const { code, lines } = await fail({ ...VARIABLES, ZEGO_SERVER_SECRET: 'ab'.repeat(32) });
    expect([code, lines.length]).toEqual([2, 1]);
    expect(lines[0]).toMatch(/AppSign/);
    expect(lines[0]).not.toContain('abab');
  });
});

it('a port that is taken ends the start with exit code 1 and says so', async () => {
  const other = createServer();
  await once(other.listen(0, '127.0.0.1'), 'listening');
  const { port } = other.address() as AddressInfo;
  const { code, stdout } = await fail({ ...VARIABLES, PORT: String(port) });
  other.close();
  expect(code).toBe(1);
  expect(stdout).toMatch(/"level":"fatal".*EADDRINUSE/);
});

describe('the configuration comes from', () => {
  it('the environment before a file .env of the working directory', async () => {
    const folder = makeFolder();
    const { INTERNAL_PORT, ...others } = VARIABLES;
    const lines = Object.entries({ ...others, HOST: '127.0.0.2' }).map(
      ([name, value]) => `${name}='${value}'\n`,
    );
    writeFileSync(join(folder, '.env'), lines.join(''));
    program = startProgram({ INTERNAL_PORT: INTERNAL_PORT ?? '', HOST: '127.0.0.1' }, folder);
    expect(URL.parse((await ready(program)).public)?.hostname).toBe('127.0.0.1');
  });

  it('files, where a secret is mounted as one', async () => {
    const folder = makeFolder();
    mkdirSync(join(folder, 'run'));
    const { ZEGO_SERVER_SECRET = '', ...others } = VARIABLES;
    writeFileSync(join(folder, 'run/secret'), `${ZEGO_SERVER_SECRET}\n`);
    program = startProgram({ ...others, ZEGO_SERVER_SECRET_FILE: 'run/secret' }, folder);
    const response = await fetch(`${(await ready(program)).public}/readyz`);
    expect(response.status).toBe(200);
  });
});

it('a variable that looks like ours and is none is reported', async () => {
  program = startProgram({ ...VARIABLES, TOKEN_TTL: '60' });
  await ready(program);
  const line = await program.line(({ level }) => level === 'warn');
  expect(line).toMatchObject({ variable: 'TOKEN_TTL' });
});
