import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/problems.ts';
import { configErrorLines } from '../../src/config/suggest.ts';
import { readRegularFile } from '../../src/regular-file.ts';
import { thrownBy } from '../support/errors.ts';
import { temporaryFolder } from '../support/folder.ts';
import { newKeys } from '../support/keys.ts';
import { expectDiscreet } from '../support/refusal.ts';
import { VARIABLES, type Variables } from '../support/service.ts';

const CANARY = 'canary-password-5f0a8c37e1b24d69';
const SECRET = 'abcdefghijklmnopqrstuvwxyzabcdef';

const { path: folder, remove } = temporaryFolder();
const file = (name: string) => join(folder, name);

beforeAll(() => {
  mkdirSync(file('folder'));
  writeFileSync(file('half.json'), '[{"issuer": "https://a.example",\n "secret": "x"');
  writeFileSync(file('comma.json'), '[\n  {"issuer": "a",}\n]');
  writeFileSync(file('names.json'), '[{"issuer": "a", "secretFile": "/nowhere/secret"}]');
  writeFileSync(file('none.json'), '[]');
  writeFileSync(file('object.json'), '{"issuer": "a"}');
  writeFileSync(file('typo.json'), `[{"issuer": "a", "secrt": "${CANARY}"}]`);
  writeFileSync(file('steer.json'), `[{"issuer": "a", "se\\u001b[2J\\ncret": "${CANARY}"}]`);
  writeFileSync(file('number.json'), `[{"issuer": 5, "secret": "${CANARY}"}]`);
  writeFileSync(file('both.json'), `[{"issuer": "a", "secret": "${CANARY}", "secretFile": "/x"}]`);
  const twice = `{"issuer": "a", "secret": "${CANARY}", "userPrefix": ""}`;
  writeFileSync(file('twice.json'), `[${twice}, ${twice}]`);
  writeFileSync(file('empty.txt'), '\n');
  writeFileSync(file('long.txt'), 'x'.repeat(2 ** 20 + 1));
  writeFileSync(file('short.txt'), CANARY.slice(0, 9));
  writeFileSync(file('blank.txt'), `${VARIABLES.ZEGO_SERVER_SECRET} \n`);
});

afterAll(remove);

const none = { AUTH_JWT_SECRET: '' };
const secretFile = (name: string) => ({ ZEGO_SERVER_SECRET: '', ZEGO_SERVER_SECRET_FILE: name });
const providers = (name: string) => ({ ...none, AUTH_PROVIDERS_FILE: file(name) });
const preset = (AUTH_PROVIDER: string) => ({ ...none, AUTH_PROVIDER });
const jwks = { AUTH_JWKS_URL: 'https://a.example/jwks', AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' };

type Mistake = [name: string, variables: Variables, variable: string, cause: RegExp];

const MISTAKES: Mistake[] = [
  ['an AppID in quotes', { ZEGO_APP_ID: '"1234567890"' }, 'ZEGO_APP_ID', /quotes.*leave them out/],
  ['a secret in quotes', { AUTH_JWT_SECRET: `'${CANARY}'` }, 'AUTH_JWT_SECRET', /quotes/],
  ['a secret with a space behind', { ADMIN_API_KEY: `${CANARY} ` }, 'ADMIN_API_KEY', /a space/],
  [
    'the secret of the first hour',
    { AUTH_JWT_SECRET: 'at-least-32-bytes-that-your-backend-has-too' },
    'AUTH_JWT_SECRET',
    /placeholder/,
  ],
  [
    'the ServerSecret of the first hour',
    { ZEGO_SERVER_SECRET: 'the-32-characters-of-the-console' },
    'ZEGO_SERVER_SECRET',
    /placeholder/,
  ],
  [
    'a secret file that is empty',
    secretFile(file('empty.txt')),
    'ZEGO_SERVER_SECRET_FILE',
    /empty/,
  ],
  [
    'a secret file that is short',
    secretFile(file('short.txt')),
    'ZEGO_SERVER_SECRET_FILE',
    /the value in the file: .*32 bytes/,
  ],
  [
    'a secret file that ends with a space',
    secretFile(file('blank.txt')),
    'ZEGO_SERVER_SECRET_FILE',
    /the value in the file: .*a space/,
  ],
  [
    'a secret file that is a folder, with what to do',
    secretFile(file('folder')),
    'ZEGO_SERVER_SECRET_FILE',
    /give the path of a file/,
  ],
  [
    'a secret file that is too large',
    secretFile(file('long.txt')),
    'ZEGO_SERVER_SECRET_FILE',
    /is larger than 1 MiB/,
  ],
  [
    'a secret in place of the path of its file',
    secretFile(CANARY.repeat(9)),
    'ZEGO_SERVER_SECRET_FILE',
    /name too long/,
  ],
  [
    'a public key file that is not there',
    { ...none, AUTH_JWT_PUBLIC_KEY_FILE: '/nowhere' },
    'AUTH_JWT_PUBLIC_KEY_FILE',
    /no such file/,
  ],
  ['providers: none', providers('none.json'), 'AUTH_PROVIDERS_FILE', /must have an entry/],
  ['providers: an object', providers('object.json'), 'AUTH_PROVIDERS_FILE', /must be a list/],
  [
    'providers: a mistyped name',
    providers('typo.json'),
    'AUTH_PROVIDERS_FILE',
    /\[0\] unknown field "secrt"; did you mean secret\?/,
  ],
  [
    'providers: a name that would steer a terminal',
    providers('steer.json'),
    'AUTH_PROVIDERS_FILE',
    /unknown field "se\[2Jcret"/,
  ],
  ['providers: a number', providers('number.json'), 'AUTH_PROVIDERS_FILE', /0\.issuer.*be text/],
  [
    'providers: a secret and its file',
    providers('both.json'),
    'AUTH_PROVIDERS_FILE',
    /secret and secretFile.*keep one/,
  ],
  [
    'providers: one issuer twice',
    providers('twice.json'),
    'AUTH_PROVIDERS_FILE',
    /\[1\] .*issuer.*\[0\]/,
  ],
  [
    'an issuer alone',
    { ...none, AUTH_ISSUER: 'https://i.example' },
    'AUTH_AUDIENCE',
    /is required.*AUTH_ISSUER/,
  ],
  ['an unknown preset', preset(`onelogin:x`), 'AUTH_PROVIDER', /must be one of firebase/],
  [
    'half a preset',
    preset('cognito:eu-central-1'),
    'AUTH_PROVIDER',
    /cognito:REGION\/POOL_ID(?!.*auth0)/,
  ],
  [
    'a preset without an audience',
    preset('auth0:x.auth0.com'),
    'AUTH_AUDIENCE',
    /identifier of your API/,
  ],
  [
    'a preset with a comma and no audience',
    preset('auth0:x.auth0.com,'),
    'AUTH_AUDIENCE',
    /identifier of your API/,
  ],
  [
    'an algorithm of another case',
    { AUTH_ALGORITHMS: 'hs256' },
    'AUTH_ALGORITHMS',
    /HS256.*=HS256\)/,
  ],
  [
    'an algorithm that the public key is not for',
    {
      ...none,
      AUTH_JWT_PUBLIC_KEY: newKeys('EdDSA').publicPem,
      AUTH_ALGORITHMS: 'RS256',
    },
    'AUTH_ALGORITHMS',
    /such as EdDSA(?!.*RS256)/,
  ],
  ['a host with a port', { HOST: 'localhost:8080' }, 'HOST', /without a scheme, a port/],
  ['a host in brackets', { HOST: '[::1]' }, 'HOST', /brackets/],
  [
    'what Kubernetes injects for a Service named internal',
    { INTERNAL_PORT: 'tcp://10.0.0.1:80' },
    'INTERNAL_PORT',
    /Kubernetes.*enableServiceLinks/,
  ],
  ['a range of all addresses', { TRUST_PROXY: '0.0.0.0/0' }, 'TRUST_PROXY', /no wider than \/8/],
  [
    'addresses separated by spaces',
    { TRUST_PROXY: '10.0.0.1 10.0.0.2' },
    'TRUST_PROXY',
    /separated by commas/,
  ],
  [
    'an origin with its default port',
    { CORS_ORIGINS: 'https://app.example:443' },
    'CORS_ORIGINS',
    /use https:\/\/app\.example /,
  ],
  [
    'an origin in capitals',
    { CORS_ORIGINS: 'HTTPS://App.example' },
    'CORS_ORIGINS',
    /use https:\/\/app\.example /,
  ],
  ['an origin without https', { CORS_ORIGINS: 'app.example' }, 'CORS_ORIGINS', /https:\/\//],
  [
    'a password with a slash',
    { DATABASE_URL: `postgres://u:a/${CANARY}@db/x` },
    'DATABASE_URL',
    /password.*%2F/,
  ],
  ...['#', '/', '?'].flatMap((sign): Mistake[] => [
    [
      `a password for PostgreSQL of digits and a ${sign}`,
      { ACCESS_MODE: 'postgres', DATABASE_URL: `postgres://u:1234${sign}${CANARY}@db/x` },
      'DATABASE_URL',
      /@ after its host.*%2F %3F %23 %40(?!.*1234)/,
    ],
    [
      `a password for Redis of digits and a ${sign}`,
      { REDIS_URL: `redis://default:1234${sign}${CANARY}@redis:6379` },
      'REDIS_URL',
      /@ after its host.*%2F %3F %23 %40(?!.*1234)/,
    ],
    [
      `a password for a backend of digits and a ${sign}`,
      {
        ACCESS_MODE: 'http',
        ACCESS_HTTP_URL: `https://u:1234${sign}${CANARY}@b.example/`,
        ACCESS_HTTP_SECRET: CANARY,
      },
      'ACCESS_HTTP_URL',
      /without user and password(?!.*1234)/,
    ],
  ]),
  [
    'a password with a percent sign',
    { REDIS_URL: `redis://:a%zz${CANARY}@redis` },
    'REDIS_URL',
    /password.*%25/,
  ],
  [
    'a database of Redis that is no number',
    { REDIS_URL: `redis://:${CANARY}@redis/cache` },
    'REDIS_URL',
    /number/,
  ],
  [
    'an address with a password',
    {
      ACCESS_MODE: 'http',
      ACCESS_HTTP_URL: `https://u:${CANARY}@b.example/`,
      ACCESS_HTTP_SECRET: CANARY,
    },
    'ACCESS_HTTP_URL',
    /without user and password/,
  ],
  ...[{}, { AUTH_USER_ID_LENGTH: '33' }].map(
    (length): Mistake => [
      `hashed user ids that ZIM refuses: ${JSON.stringify(length)}`,
      { BASIC_TOKENS: 'zim', AUTH_USER_ID: 'hash', AUTH_USER_ID_KEY: CANARY, ...length },
      'AUTH_USER_ID_LENGTH',
      /must be at most 32 with BASIC_TOKENS=zim.*AUTH_USER_ID_LENGTH=32/,
    ],
  ),
  ['no AppID', { ZEGO_APP_ID: '' }, 'ZEGO_APP_ID', /is required/],
  ['an AppID in words', { ZEGO_APP_ID: 'mine' }, 'ZEGO_APP_ID', /integer from 1/],
  ['no ServerSecret', { ZEGO_SERVER_SECRET: '' }, 'ZEGO_SERVER_SECRET', /is required/],
  [
    'a short ServerSecret',
    { ZEGO_SERVER_SECRET: CANARY.slice(0, 9) },
    'ZEGO_SERVER_SECRET',
    /32 bytes/,
  ],
  ['the AppSign', { ZEGO_SERVER_SECRET: 'ab'.repeat(32) }, 'ZEGO_SERVER_SECRET', /AppSign/],
  [
    'the placeholder of the Kubernetes file',
    { ZEGO_SERVER_SECRET: 'replace-me-32-characters-exactly' },
    'ZEGO_SERVER_SECRET',
    /placeholder/,
  ],
  [
    'a placeholder for the JWT secret',
    { AUTH_JWT_SECRET: 'change-me-please-change-me-please' },
    'AUTH_JWT_SECRET',
    /placeholder/,
  ],
  [
    'a secret in the client bundle',
    { VITE_ZEGO_SERVER_SECRET: SECRET },
    'VITE_ZEGO_SERVER_SECRET',
    /copy into the client/,
  ],
  [
    'a secret file that is not there',
    { ZEGO_SERVER_SECRET: '', ZEGO_SERVER_SECRET_FILE: '/nowhere' },
    'ZEGO_SERVER_SECRET_FILE',
    /no such file/,
  ],
  [
    'a secret file that is a folder',
    { ZEGO_SERVER_SECRET: '', ZEGO_SERVER_SECRET_FILE: file('folder') },
    'ZEGO_SERVER_SECRET_FILE',
    /is a folder/,
  ],
  [
    'a secret and its file',
    { ZEGO_SERVER_SECRET_FILE: '/nowhere' },
    'ZEGO_SERVER_SECRET',
    /both set/,
  ],
  ['no way to sign in', none, 'AUTH_JWT_SECRET', /exactly one of/],
  ['two ways to sign in', jwks, 'AUTH_JWT_SECRET', /AUTH_JWT_SECRET and AUTH_JWKS_URL are set/],
  ['a short JWT secret', { AUTH_JWT_SECRET: 'short' }, 'AUTH_JWT_SECRET', /32 bytes/],
  ['RS256 with a secret', { AUTH_ALGORITHMS: 'RS256' }, 'AUTH_ALGORITHMS', /HS256.*=HS256/],
  [
    'a path as key',
    { ...none, AUTH_JWT_PUBLIC_KEY: '/run/jwt.pem' },
    'AUTH_JWT_PUBLIC_KEY',
    /AUTH_JWT_PUBLIC_KEY_FILE/,
  ],
  [
    'a key that is none',
    { ...none, AUTH_JWT_PUBLIC_KEY: 'MIIB' },
    'AUTH_JWT_PUBLIC_KEY',
    /PEM or JWK/,
  ],
  [
    'a JWKS in the clear',
    { ...none, ...jwks, AUTH_JWKS_URL: 'http://a.example/' },
    'AUTH_JWKS_URL',
    /https/,
  ],
  [
    'a JWKS without an audience',
    { ...none, ...jwks, AUTH_AUDIENCE: '' },
    'AUTH_AUDIENCE',
    /is required/,
  ],
  [
    'a providers file that is not there',
    { ...none, AUTH_PROVIDERS_FILE: '/nowhere' },
    'AUTH_PROVIDERS_FILE',
    /no such file/,
  ],
  [
    'a providers file that ends too early',
    { ...none, AUTH_PROVIDERS_FILE: file('half.json') },
    'AUTH_PROVIDERS_FILE',
    /not JSON/,
  ],
  [
    'a providers file with a comma too many',
    { ...none, AUTH_PROVIDERS_FILE: file('comma.json') },
    'AUTH_PROVIDERS_FILE',
    /line 2, column/,
  ],
  [
    'a providers file that names a file that is not there',
    { ...none, AUTH_PROVIDERS_FILE: file('names.json') },
    'AUTH_PROVIDERS_FILE',
    /secretFile .*no such file/,
  ],
  ['a port that is none', { PORT: '80a' }, 'PORT', /integer from 0/],
  [
    'one port for both listeners',
    { PORT: '9191', INTERNAL_PORT: '9191', INTERNAL_HOST: '127.0.0.1' },
    'INTERNAL_PORT',
    /the same/,
  ],
  ['a wildcard as name of the console', { ADMIN_HOSTS: '*' }, 'ADMIN_HOSTS', /host names/],
  ['the console with a port', { ADMIN_HOSTS: 'console.example:9090' }, 'ADMIN_HOSTS', /host names/],
  [
    'the console with https',
    { ADMIN_HOSTS: 'https://console.example' },
    'ADMIN_HOSTS',
    /host names/,
  ],
  ['a wildcard as origin', { CORS_ORIGINS: '*' }, 'CORS_ORIGINS', /never \*/],
  [
    'an origin with a slash',
    { CORS_ORIGINS: 'https://app.example/' },
    'CORS_ORIGINS',
    /use https:\/\/app\.example /,
  ],
  ['a hop count', { TRUST_PROXY: '1' }, 'TRUST_PROXY', /CIDR/],
  [
    'a country header without a proxy',
    { COUNTRY_HEADER: 'CF-IPCountry' },
    'TRUST_PROXY',
    /is required/,
  ],
  ['PostgreSQL without a URL', { ACCESS_MODE: 'postgres' }, 'DATABASE_URL', /is required/],
  [
    'the URL of another database',
    { DATABASE_URL: `mysql://u:${CANARY}@db/x` },
    'DATABASE_URL',
    /postgres:\/\//,
  ],
  [
    'a backend without its secret',
    { ACCESS_MODE: 'http', ACCESS_HTTP_URL: 'https://b.example/' },
    'ACCESS_HTTP_SECRET',
    /is required/,
  ],
  ['a Redis by HTTP', { REDIS_URL: `http://:${CANARY}@redis` }, 'REDIS_URL', /redis:\/\//],
  ['a short admin key', { ADMIN_API_KEY: CANARY.slice(0, 12) }, 'ADMIN_API_KEY', /32 characters/],
  ['a life of a token in days', { TOKEN_TTL_SECONDS: '30d' }, 'TOKEN_TTL_SECONDS', /integer/],
];

/** The lines that the program prints before it ends with exit code 2. */
function refuse(variables: Variables): string[] {
  const environment = { ...VARIABLES, ...variables };
  const error = thrownBy(() => loadConfig(environment, readRegularFile));
  if (!(error instanceof ConfigError)) throw error;
  const lines = configErrorLines(error, environment);
  expectDiscreet(lines.join('\n'), CANARY);
  return lines;
}

it.each(MISTAKES)(
  'a mistake in the configuration is one line: %s',
  (_name, variables, variable, cause) => {
    const lines = refuse(variables);
    expect(lines).toEqual([expect.stringMatching(cause)]);
    expect(lines[0]?.split(':')[0]).toBe(variable);
  },
);

it('introspection that is half set is a line for each that is missing', () => {
  const lines = refuse({ ...none, AUTH_INTROSPECTION_CLIENT_ID: 'us' });
  expect(lines.map((line) => line.split(':')[0])).toEqual([
    'AUTH_INTROSPECTION_URL',
    'AUTH_INTROSPECTION_CLIENT_SECRET',
    'AUTH_AUDIENCE',
  ]);
});

it.each<Variables>([
  { BASIC_TOKENS: 'zim', AUTH_USER_ID: 'hash', AUTH_USER_ID_LENGTH: '32' },
  { BASIC_TOKENS: 'on', AUTH_USER_ID: 'hash' },
  { BASIC_TOKENS: 'zim' },
])('takes hashed ids of any length but for ZIM: %j', (variables) => {
  const environment = { ...VARIABLES, AUTH_USER_ID_KEY: CANARY, ...variables };
  expect(() => loadConfig(environment, readRegularFile)).not.toThrow();
});
