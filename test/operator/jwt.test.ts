import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { addUserIdCommand, runExplainJwt } from '../../src/operator/jwt-cli.ts';
import type { Terminal } from '../../src/operator/terminal.ts';
import { readRegularFile } from '../../src/regular-file.ts';
import { runCommand } from '../support/command.ts';
import { compact, hmac, unsigned } from '../support/compact.ts';
import { temporaryFolder } from '../support/folder.ts';

const SECRET = 'a secret of at least 32 bytes, yes';
const USER_ID_KEY = '0123456789abcdef0123456789abcdef';
const exp = Math.floor(Date.now() / 1000) + 600;
const ours = { iss: 'https://login.example', aud: 'films', sub: 'canary-user', exp };
const env = { AUTH_JWT_SECRET: SECRET, AUTH_ISSUER: ours.iss, AUTH_AUDIENCE: 'films' };
const make = (more: object = {}, secret = SECRET) =>
  compact({ alg: 'HS256' }, { ...ours, ...more }, hmac(secret));

const folder = temporaryFolder();
afterAll(folder.remove);

type Environment = Record<string, string>;

const contextOf = (environment: Environment, terminal: Terminal) => ({
  environment,
  readFile: readRegularFile,
  dotenv: () => '',
  terminal,
});

/** Walks through a JWT in a file. */
function walk(jwt: string, { environment = env as Environment, json = true } = {}) {
  const file = join(folder.path, 'jwt');
  writeFileSync(file, jwt);
  return runCommand((terminal) => runExplainJwt(file, contextOf(environment, terminal), json));
}

/** Runs the command user-id. */
const userId = (environment: Environment, issuer: string, subject: string) =>
  runCommand(async (terminal) => {
    const program = new Command().exitOverride();
    addUserIdCommand(program, contextOf(environment, terminal));
    await program.parseAsync(['user-id', issuer, subject], { from: 'user' });
  }, environment);

describe('explain --jwt', () => {
  it.each<[string, string, string, object]>([
    ['another secret', make({}, 'x'.repeat(32)), 'signature', { code: 'signature' }],
    ['alg none', compact({ alg: 'none' }, ours, unsigned), 'signature', { code: 'not_jwt' }],
    [
      'another issuer',
      make({ iss: 'https://other.example' }),
      'iss',
      { code: 'claim_iss', expected: ours.iss, received: 'https://other.example' },
    ],
    [
      'another audience',
      make({ aud: 'songs' }),
      'aud',
      { code: 'claim_aud', expected: 'films', received: 'songs' },
    ],
    ['milliseconds', make({ exp: exp * 1000 }), 'exp, nbf, iat', { code: 'claim_exp' }],
    ['its end', make({ exp: 1 }), 'exp, nbf, iat', { code: 'credential_expired' }],
    ['a number', make({ sub: 7 }), 'sub', { code: 'claim_sub_type', received: 'a number' }],
    [
      'an id that ZEGO refuses',
      make({ sub: 'auth0|canary' }),
      'sub',
      { code: 'user_id_refused_by_zego', received: 'U+007C' },
    ],
  ])('names the check that refuses a JWT with %s', async (_what, token, claim, refusal) => {
    const { code, stdout } = await walk(token);
    const { accepted, checks } = JSON.parse(stdout);
    expect([code, accepted]).toEqual([1, false]);
    const broken = checks.filter((one: { refusal?: object }) => one.refusal);
    expect(broken).toMatchObject([{ claim, refusal }]);
  });

  it.each<[string, object, object, string]>([
    ['a refresh token', {}, { token_type: 'refresh' }, 'claim_token_type'],
    ['a logout token', { typ: 'logout+jwt' }, {}, 'header_typ'],
    ['a token that is bound to a key', {}, { cnf: { jkt: 'x' } }, 'claim_cnf'],
  ])('proposes no setting that would take %s', async (_what, header, more, code) => {
    const claims = { ...ours, aud: 'songs', ...more };
    const { stdout } = await walk(compact({ alg: 'HS256', ...header }, claims, hmac(SECRET)));
    const { accepted, checks, settings } = JSON.parse(stdout);
    expect([accepted, settings]).toEqual([false, []]);
    expect(checks).toContainEqual(
      expect.objectContaining({
        claim: 'kind of token',
        refusal: expect.objectContaining({ code }),
      }),
    );
  });

  it('shows every claim that is wrong, not the first alone', async () => {
    const { stdout } = await walk(make({ aud: 'songs', exp: undefined, sub: 7 }));
    const broken = JSON.parse(stdout).checks.filter((one: { refusal?: object }) => one.refusal);
    expect(broken.map(({ claim }: { claim: string }) => claim)).toEqual([
      'aud',
      'exp, nbf, iat',
      'sub',
    ]);
  });

  it.each<[string, object, string[]]>([
    [
      'Cognito',
      {
        iss: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abc',
        client_id: 'client',
        token_use: 'access',
        aud: undefined,
      },
      ['AUTH_PROVIDER=cognito:eu-west-1/eu-west-1_Abc', 'AUTH_AUDIENCE=client'],
    ],
    [
      'Keycloak with an audience mapper only',
      { iss: 'https://sso.example/realms/films', aud: ['account', 'films-api'], typ: 'Bearer' },
      [
        'AUTH_PROVIDER=keycloak:https://sso.example/realms/films',
        'AUTH_AUDIENCE=films-api',
        'AUTH_AUDIENCE_CLAIM=aud',
      ],
    ],
    [
      'a stranger with numbers for users',
      { iss: 'https://other.example', sub: 7 },
      ['AUTH_ISSUER=https://other.example', 'AUTH_AUDIENCE=films', 'AUTH_USER_CLAIM_NUMERIC=true'],
    ],
    ['its own user claim', { sub: undefined, user_id: 'alice' }, ['AUTH_USER_CLAIM=user_id']],
  ])('says which settings would take a JWT of %s', async (_who, claims, settings) => {
    const { stdout } = await walk(make(claims));
    expect(JSON.parse(stdout).settings).toEqual(expect.arrayContaining(settings));
  });

  it.each([
    ['without an end', { exp: undefined }],
    ['that ends in milliseconds', { exp: exp * 1000 }],
    ['that has ended', { exp: 1 }],
    ['of the future', { nbf: exp }],
  ])('names no settings for a JWT %s, which none would take', async (_which, claims) => {
    expect(JSON.parse((await walk(make(claims))).stdout).settings).toEqual([]);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    [
      'a secret in quotes',
      { AUTH_JWT_SECRET: `"${SECRET}"` },
      /AUTH_JWT_SECRET: is in quotes.*out/,
    ],
    [
      'a file that is not there',
      { AUTH_JWT_SECRET: '', AUTH_JWT_SECRET_FILE: '/nowhere' },
      /AUTH_JWT_SECRET_FILE: .*no such file or folder; check the path/,
    ],
    [
      'a placeholder',
      { AUTH_JWT_SECRET: 'your-secret'.repeat(4) },
      /AUTH_JWT_SECRET: .*placeholder/,
    ],
    ['no key for ids', { AUTH_USER_ID: 'hash' }, /AUTH_USER_ID_KEY: is required with/],
    ['a mistyped rule', { AUTH_USER_ID: 'hsah' }, /AUTH_USER_ID: must be one of claim, hash/],
  ])('says what the start would say of %s', async (_what, variables, line) => {
    const { code, stdout } = await walk(make(), {
      environment: { ...env, ...variables },
      json: false,
    });
    const wrong = stdout.split('\n').filter((one) => one.startsWith('✗'));
    expect([code, wrong]).toEqual([2, [expect.stringMatching(line)]]);
    expect(stdout).not.toContain(SECRET);
  });

  it('says so without a configuration', async () => {
    const { code, stdout } = await walk(make(), { environment: {}, json: false });
    expect(code).toBe(2);
    expect(stdout).toContain('AUTH_ISSUER=https://login.example');
  });

  it('tells an opaque token from a JWT', async () => {
    const { code, stdout } = await walk('2YotnFZFEjr1zCsicMWpAA');
    expect(code).toBe(1);
    expect(JSON.parse(stdout).checks).toMatchObject([{ refusal: { code: 'not_jwt' } }]);
  });

  it('prints neither the JWT, nor its user, nor what would steer a terminal', async () => {
    const hostile = { iss: 'https://evil.example\u001b[2J\n', aud: '\u001b]0;x\u0007' };
    for (const token of [make(hostile), make({ sub: 'canary-user|x' }), make()]) {
      for (const json of [false, true]) {
        const { stdout, stderr } = await walk(token, { json });
        const output = stdout + stderr;
        for (const part of token.split('.')) expect(output).not.toContain(part);
        expect(output).not.toContain('canary');
        expect(output).not.toContain('\u001b');
      }
    }
  });
});

describe('user-id', () => {
  const hash = { ...env, AUTH_USER_ID: 'hash', AUTH_USER_ID_KEY: USER_ID_KEY };
  const expected = (issuer: string, subject: string) =>
    `u_${createHmac('sha256', USER_ID_KEY)
      .update(`${issuer}\0${subject}`)
      .digest('base64url')
      .slice(0, 32)}\n`;

  it('is what the service maps the subject of an issuer to', async () => {
    const { stdout } = await userId(hash, ours.iss, 'auth0|5f7c');
    expect(stdout).toBe(expected(ours.iss, 'auth0|5f7c'));
  });

  it('is the same for every spelling of the issuer', async () => {
    const google = { AUTH_PROVIDER: 'google', AUTH_AUDIENCE: 'x', AUTH_USER_ID: 'hash' };
    const variables = { ...google, AUTH_USER_ID_KEY: USER_ID_KEY };
    for (const iss of ['https://accounts.google.com', 'accounts.google.com']) {
      const { stdout } = await userId(variables, iss, '110');
      expect(stdout).toBe(expected('https://accounts.google.com', '110'));
    }
  });

  it('is the subject itself where ids are not mapped, and none that ZEGO refuses', async () => {
    expect(await userId(env, ours.iss, 'jo')).toMatchObject({ stdout: 'jo\n' });
    expect(await userId(env, ours.iss, 'auth0|jo')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^subject: expected at most 63 ASCII.*received U\+007C.*AUTH_USER_ID=hash/,
      ),
    });
    expect(await userId(env, 'https://other.example', 'jo')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no provider has the issuer'),
    });
  });

  it('needs its key', async () => {
    const { AUTH_USER_ID_KEY: _key, ...keyless } = hash;
    expect(await userId(keyless, ours.iss, 'jo')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('AUTH_USER_ID_KEY: is required with AUTH_USER_ID=hash'),
    });
  });
});
