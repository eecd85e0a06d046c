import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cli } from '../support/cli.ts';
import { compact, hmac } from '../support/compact.ts';
import { temporaryFolder } from '../support/folder.ts';

const SECRET = 'a secret of at least 32 bytes, yes';
const exp = Math.floor(Date.now() / 1000) + 600;
const ours = { iss: 'https://login.example', aud: 'films', sub: 'canary-user', exp };
const env = { AUTH_JWT_SECRET: SECRET, AUTH_ISSUER: ours.iss, AUTH_AUDIENCE: 'films' };
const make = () => compact({ alg: 'HS256' }, ours, hmac(SECRET));

// What else the commands say is in test/operator/jwt.test.ts, which starts no process.
describe('explain --jwt', () => {
  it('says that the service takes a good one, from standard input or a file', async () => {
    const folder = temporaryFolder();
    onTestFinished(folder.remove);
    const file = join(folder.path, 'jwt');
    writeFileSync(file, `Bearer ${make()}\n`);
    const piped = await cli(['explain', '--jwt', '-'], { env, input: make() });
    expect(piped).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('The service accepts this JWT.'),
    });
    expect(await cli(['doctor', '--jwt', file], { env })).toEqual(piped);
  });

  it('says what the start would say of a secret that .env cuts', async () => {
    const folder = temporaryFolder();
    onTestFinished(folder.remove);
    writeFileSync(join(folder.path, '.env'), `AUTH_JWT_SECRET=${'a'.repeat(32)}#more\n`);
    const { stdout } = await cli(['explain', '--jwt', '-'], { cwd: folder.path, input: make() });
    expect(stdout).toContain('✗ configuration: AUTH_JWT_SECRET: ends at the # in .env');
  });

  it('exits 1 for an opaque token', async () => {
    const { code, stdout } = await cli(['explain', '--jwt', '-', '--json'], {
      env,
      input: '2YotnFZFEjr1zCsicMWpAA',
    });
    expect(code).toBe(1);
    expect(JSON.parse(stdout).checks).toMatchObject([{ refusal: { code: 'not_jwt' } }]);
  });

  it('exits 2 without a configuration', async () => {
    const { code, stdout } = await cli(['explain', '--jwt', '-'], { env: {}, input: make() });
    expect(code).toBe(2);
    expect(stdout).toContain('AUTH_ISSUER=https://login.example');
  });
});

it('user-id prints the user id of a subject', async () => {
  expect(await cli(['user-id', ours.iss, 'jo'], { env })).toEqual({
    code: 0,
    stdout: 'jo\n',
    stderr: '',
  });
});
