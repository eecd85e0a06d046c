import { describe, expect, it } from 'vitest';
import { loadAccess, loadVariables } from '../../src/config/config.ts';
import { LEAST, load, loadValues, refusal } from '../support/environment.ts';
import { thrownBy } from '../support/errors.ts';

const noFiles = () => {
  throw new Error('ENOENT');
};
const LONG_SECRET = 's'.repeat(32);
const FOR_A_HEADER =
  'must contain only letters, digits and - . _ ~ + / =, because it is sent in a header';

describe('an environment with the least in it', () => {
  const config = load();

  it('has the defaults of everything else', () => {
    expect(loadValues()).toEqual({
      HOST: '0.0.0.0',
      PORT: 8080,
      INTERNAL_HOST: '127.0.0.1',
      INTERNAL_PORT: 9090,
      LOG_LEVEL: 'info',
      TRUST_PROXY: [],
      ADMIN_HOSTS: [],
      USER_NAMES: 'on',
      ROOM_TOKENS: 'off',
      BASIC_TOKENS: 'off',
      AUTH_USER_ID_LENGTH: 34,
      CHANGES_KEEP_DAYS: 400,
      CORS_ORIGINS: [],
      ZEGO_APP_ID: 1_234_567_890,
      ZEGO_SERVER_SECRET: LEAST.ZEGO_SERVER_SECRET,
      ZEGO_ID_RULE: 'strict',
      TOKEN_MODE: 'cbc',
      TOKEN_TTL_SECONDS: 3600,
      TOKEN_OUTLIVES_SESSION: false,
      AUTH_JWT_SECRET: LEAST.AUTH_JWT_SECRET,
      AUTH_AUDIENCE_OPTIONAL: false,
      AUTH_ALLOW_HTTP: false,
      AUTH_SENDER_CONSTRAINED: 'refuse',
      AUTH_INTROSPECTION_AUTH_METHOD: 'client_secret_basic',
      AUTH_JWT_SECRET_ENCODING: 'text',
      AUTH_USER_CLAIM_NUMERIC: false,
      AUTH_TIMEOUT_MS: 2000,
      OUTBOUND_PROXY: 'off',
      AUTH_USER_ID: 'claim',
      AUTH_CLOCK_TOLERANCE_SECONDS: 5,
      ACCESS_MODE: 'sqlite',
      ACCESS_SQLITE_PATH: 'data/access.db',
      ACCESS_HTTP_TIMEOUT_MS: 1000,
      ACCESS_IGNORED_FIELDS: [],
      RATE_LIMIT_PER_IP: 300,
      RATE_LIMIT_PER_USER: 60,
      SHUTDOWN_DELAY_MS: 5000,
      SHUTDOWN_TIMEOUT_MS: 10_000,
      REUSE_PORT: false,
    });
  });

  it('has its parts', () => {
    expect(config.zego).toEqual({
      appId: 1_234_567_890,
      secret: LEAST.ZEGO_SERVER_SECRET,
      previousSecret: undefined,
      mode: 'cbc',
    });
    expect(config.access).toEqual({ mode: 'sqlite', path: 'data/access.db' });
    expect(config.auth.providers).toMatchObject([
      { keys: [{ algorithms: ['HS256'] }], userClaim: 'sub' },
    ]);
  });

  it('takes an empty text for not set', () => {
    expect(load({ PORT: '', TRUST_PROXY: '', ADMIN_API_KEY: '' })).toEqual(config);
    expect(refusal({ ZEGO_APP_ID: '' })).toEqual([
      'ZEGO_APP_ID: is required (for example ZEGO_APP_ID=1234567890)',
    ]);
  });
});

const INTEGERS: [string, number, number][] = [
  ['PORT', 0, 65_535],
  ['INTERNAL_PORT', 0, 65_535],
  ['ZEGO_APP_ID', 1, 4_294_967_295],
  ['TOKEN_TTL_SECONDS', 60, 2_073_600],
  ['AUTH_CLOCK_TOLERANCE_SECONDS', 0, 60],
  ['ACCESS_HTTP_TIMEOUT_MS', 50, 2_000],
  ['RATE_LIMIT_PER_IP', 1, 1_000_000],
  ['RATE_LIMIT_PER_USER', 1, 1_000_000],
  ['SHUTDOWN_DELAY_MS', 0, 600_000],
  ['SHUTDOWN_TIMEOUT_MS', 1, 600_000],
];

describe.each(INTEGERS)('%s', (name, min, max) => {
  it(`is an integer from ${min} to ${max}`, () => {
    for (const value of [min, max]) {
      expect(loadValues({ [name]: String(value) })).toMatchObject({ [name]: value });
    }
    const wrong = [min - 1, max + 1, '1.5', '1e3', '0x10', '6 0', '+60', 'NaN', 'Infinity'];
    for (const value of [...wrong, '60s', '9'.repeat(30), '٦٠', 'true']) {
      const [line, ...others] = refusal({ [name]: String(value) });
      expect(line).toContain(`${name}: must be an integer from ${min} to ${max} (for example`);
      expect(others).toEqual([]);
    }
  });
});

const ACCEPTED: [string, string, unknown][] = [
  ['HOST', '::', '::'],
  ['LOG_LEVEL', 'silent', 'silent'],
  ['LOG_LEVEL', 'trace', 'trace'],
  ['TOKEN_MODE', 'gcm', 'gcm'],
  ['TOKEN_OUTLIVES_SESSION', 'true', true],
  ['TOKEN_OUTLIVES_SESSION', 'false', false],
  ['REUSE_PORT', 'true', true],
  ['TRUST_PROXY', '10.0.0.0/8', ['10.0.0.0/8']],
  ['TRUST_PROXY', '127.0.0.1, ::1 ,fd00::/8', ['127.0.0.1', '::1', 'fd00::/8']],
  ['TRUST_PROXY', '10.0.0.1/32', ['10.0.0.1/32']],
  ['TRUST_PROXY', '::1/128', ['::1/128']],
  ['TRUST_PROXY', 'fc00::/7', ['fc00::/7']],
  ['TRUST_PROXY', '::ffff:10.0.0.0/104', ['::ffff:10.0.0.0/104']],
  ['TRUST_PROXY', '::ffff:10.0.0.1', ['::ffff:10.0.0.1']],
  ['CORS_ORIGINS', 'https://a.example', ['https://a.example']],
  ['CORS_ORIGINS', 'capacitor://localhost', ['capacitor://localhost']],
  ['CORS_ORIGINS', 'ionic://localhost', ['ionic://localhost']],
  ['CORS_ORIGINS', 'tauri://localhost, app://my.app', ['tauri://localhost', 'app://my.app']],
  ['CORS_ORIGINS', 'https://localhost', ['https://localhost']],
  ['CORS_ORIGINS', 'http://tauri.localhost', ['http://tauri.localhost']],
  [
    'CORS_ORIGINS',
    'https://a.example, http://localhost:3000',
    ['https://a.example', 'http://localhost:3000'],
  ],
  ['DATABASE_URL', 'postgres://u:p@db/access', 'postgres://u:p@db/access'],
  [
    'DATABASE_URL',
    'postgresql://db/access?sslmode=require',
    'postgresql://db/access?sslmode=require',
  ],
  ['REDIS_URL', 'redis://r:6379', 'redis://r:6379'],
  ['REDIS_URL', 'rediss://r:6379', 'rediss://r:6379'],
  ['ACCESS_HTTP_URL', 'https://backend.example/a', 'https://backend.example/a'],
  ['ACCESS_HTTP_URL', 'http://127.0.0.1:1/a', 'http://127.0.0.1:1/a'],
  ['ACCESS_HTTP_SECRET', LONG_SECRET, LONG_SECRET],
  ['ADMIN_API_KEY', LONG_SECRET, LONG_SECRET],
  ['ADMIN_API_KEY', `-._~+/${LONG_SECRET}==`, `-._~+/${LONG_SECRET}==`],
  ['ZEGO_SERVER_SECRET_PREVIOUS', LONG_SECRET, LONG_SECRET],
];

const ORIGIN = 'an origin has no trailing slash and no path; use https://a.example';

const REFUSED: [string, string, string][] = [
  ['LOG_LEVEL', 'INFO', 'must be one of fatal, error, warn, info, debug, trace, silent'],
  ['TOKEN_MODE', 'CBC', 'must be one of cbc, gcm'],
  ['TOKEN_MODE', 'ecb', 'must be one of cbc, gcm'],
  ['ACCESS_MODE', 'mysql', 'must be one of sqlite, postgres, http, claims'],
  ['TOKEN_OUTLIVES_SESSION', '1', 'must be one of true, false'],
  ['TOKEN_OUTLIVES_SESSION', 'yes', 'must be one of true, false'],
  ['REUSE_PORT', 'TRUE', 'must be one of true, false'],
  ['TRUST_PROXY', '1', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', 'true', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', '10.0.0.0/8,1', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', 'loopback', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', '10.0.0.0/33', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', '::/129', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', '10.0.0.0/', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', '10.0.0.0/8/8', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', '10.0.0.0/-1', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', '10.0.0.0/255.0.0.0', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', '10.0.0.0/8,', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', '10.0.0', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', '*', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', '0.0.0.0/0', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', '10.0.0.0/7', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', '::/0', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', 'fc00::/6', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', '::ffff:0:0/96', 'must be a list of addresses or CIDR ranges'],
  ['TRUST_PROXY', '0:0:0:0:0:FFFF:10.0.0.0/103', 'must be a list of addresses or CIDR ranges'],
  ['CORS_ORIGINS', '*', 'must be a list of origins with http:// or https://, never *'],
  [
    'CORS_ORIGINS',
    'https://a.example,*',
    'must be a list of origins with http:// or https://, never *',
  ],
  [
    'CORS_ORIGINS',
    'https://*.example',
    'must be a list of origins with http:// or https://, never *',
  ],
  ['CORS_ORIGINS', 'capacitor://*', 'must be a list of origins with http:// or https://, never *'],
  ['CORS_ORIGINS', 'capacitor://', 'must be a list of origins with http:// or https://, never *'],
  [
    'CORS_ORIGINS',
    'capacitor:localhost',
    'must be a list of origins with http:// or https://, never *',
  ],
  ['CORS_ORIGINS', 'file://', 'must be a list of origins with http:// or https://, never *'],
  ['CORS_ORIGINS', 'file:///a', 'must be a list of origins with http:// or https://, never *'],
  ['CORS_ORIGINS', 'content://a', 'must be a list of origins with http:// or https://, never *'],
  [
    'CORS_ORIGINS',
    'chrome-extension://a',
    'must be a list of origins with http:// or https://, never *',
  ],
  ['CORS_ORIGINS', 'javascript://a', 'must be a list of origins with http:// or https://, never *'],
  ['CORS_ORIGINS', 'data:a', 'must be a list of origins with http:// or https://, never *'],
  [
    'CORS_ORIGINS',
    'ftp://a.example',
    'must be a list of origins with http:// or https://, never *',
  ],
  ['CORS_ORIGINS', 'app://a b', 'must be a list of origins with http:// or https://, never *'],
  ['CORS_ORIGINS', 'app://user@a', 'must be a list of origins with http:// or https://, never *'],
  ['CORS_ORIGINS', 'null', 'must be a list of origins with http:// or https://, never *'],
  ['CORS_ORIGINS', 'a.example', 'must be a list of origins with http:// or https://, never *'],
  ...['https://a.example;https://b.example', 'https://a.example https://b.example'].map(
    (value): [string, string, string] => [
      'CORS_ORIGINS',
      value,
      'must be a list of origins with http:// or https://, never *, separated by commas',
    ],
  ),
  ['CORS_ORIGINS', 'https://a.example/', ORIGIN],
  ['CORS_ORIGINS', 'https://a.example/path', ORIGIN],
  [
    'CORS_ORIGINS',
    'capacitor://localhost/',
    'an origin has no trailing slash and no path; use capacitor://localhost',
  ],
  [
    'CORS_ORIGINS',
    'Capacitor://localhost/x',
    'an origin has no trailing slash and no path; use capacitor://localhost',
  ],
  ['CORS_ORIGINS', 'https://A.example', ORIGIN],
  ['ACCESS_SQLITE_PATH', 'postgres://user:canary@db.example/access', 'must be a path, not a URL'],
  ['ACCESS_SQLITE_PATH', 'file:///data/access.db', 'must be a path, not a URL'],
  ['HOST', 'localhost:8080', 'must be a host name or an address'],
  ['HOST', '[::1]', 'must be a host name or an address'],
  ['HOST', ' ::1', 'begins or ends with a space'],
  ['PORT', '8080 ', 'begins or ends with a space'],
  ['PORT', '"8080"', 'is in quotes'],
  ['DATABASE_URL', 'postgres://u:a%@db/x', 'must be a postgres:// URL; in its password'],
  ['REDIS_URL', 'redis://r/cache', 'must end with the number of a database'],
  ['COUNTRY_HEADER', 'CF IPCountry', 'must be the name of a header'],
  ['COUNTRY_HEADER', 'x:y', 'must be the name of a header'],
  ['DATABASE_URL', 'mysql://db', 'must be a postgres:// URL'],
  ['DATABASE_URL', 'db', 'must be a postgres:// URL'],
  ['REDIS_URL', 'http://r', 'must be a redis:// or rediss:// URL'],
  ['ACCESS_HTTP_URL', 'http://backend.example', 'must be an https URL, or http on loopback'],
  ['ACCESS_HTTP_URL', 'backend', 'must be an https URL, or http on loopback'],
  ['ACCESS_HTTP_SECRET', 's'.repeat(31), 'must be at least 32 characters long'],
  ['ADMIN_API_KEY', 's'.repeat(31), 'must be at least 32 characters long'],
  ['ADMIN_API_KEY', `${LONG_SECRET} x`, FOR_A_HEADER],
  ['ADMIN_API_KEY', `${LONG_SECRET}\n`, 'begins or ends with a space or a line end'],
  ['ADMIN_API_KEY', `${LONG_SECRET}é`, FOR_A_HEADER],
  ['ADMIN_API_KEY', `=${LONG_SECRET}`, FOR_A_HEADER],
  ['ACCESS_HTTP_SECRET', `${LONG_SECRET}\r\nx`, FOR_A_HEADER],
  ['ZEGO_SERVER_SECRET', 's'.repeat(31), 'must be 32 bytes long'],
  ['ZEGO_SERVER_SECRET', 's'.repeat(33), 'must be 32 bytes long'],
  ['ZEGO_SERVER_SECRET_PREVIOUS', 's', 'must be 32 bytes long'],
];

describe('a variable', () => {
  it.each(ACCEPTED)('%s may be "%s"', (name, text, value) => {
    const more = name === 'COUNTRY_HEADER' ? { TRUST_PROXY: '10.0.0.0/8' } : {};
    expect(loadValues({ ...more, [name]: text })).toMatchObject({ [name]: value });
  });

  it.each(REFUSED)('%s may not be "%s"', (name, text, message) => {
    const more = name === 'COUNTRY_HEADER' ? { TRUST_PROXY: '10.0.0.0/8' } : {};
    const [line, ...others] = refusal({ ...more, [name]: text });
    expect(line).toMatch(new RegExp(`\\(for example ${name}=.+\\)$`));
    expect(line?.startsWith(`${name}: ${message}`)).toBe(true);
    expect(others).toEqual([]);
  });

  it.each(['ZEGO_SERVER_SECRET', 'ZEGO_SERVER_SECRET_PREVIOUS'])(
    '%s that looks like an AppSign is called one',
    (name) => {
      const appSign = '0123456789abcdef'.repeat(4);
      const [line = ''] = refusal({ [name]: appSign });
      expect(line).toContain(`${name}: This looks like an AppSign (64 hex characters)`);
      expect(line).not.toContain(appSign);
    },
  );

  it('COUNTRY_HEADER is read in lower case, and only where proxies are trusted', () => {
    const { http } = load({ COUNTRY_HEADER: 'CF-IPCountry', TRUST_PROXY: '10.0.0.0/8' });
    expect(http.countryHeader).toBe('cf-ipcountry');
    const [line] = refusal({ COUNTRY_HEADER: 'CF-IPCountry' });
    expect(line).toContain('TRUST_PROXY: is required with COUNTRY_HEADER');
  });
});

describe('all problems', () => {
  it('are told at once, one line each', () => {
    const lines = refusal({
      ZEGO_APP_ID: undefined,
      ZEGO_SERVER_SECRET: 'short',
      AUTH_JWT_SECRET: 'short',
      PORT: '-1',
      ACCESS_MODE: 'http',
      ACCESS_HTTP_TIMEOUT_MS: '5',
      VITE_ZEGO_SERVER_SECRET: 'oh',
    });
    expect(lines.map((line) => line.split(':')[0]).sort()).toEqual([
      'ACCESS_HTTP_SECRET',
      'ACCESS_HTTP_TIMEOUT_MS',
      'ACCESS_HTTP_URL',
      'AUTH_JWT_SECRET',
      'PORT',
      'VITE_ZEGO_SERVER_SECRET',
      'ZEGO_APP_ID',
      'ZEGO_SERVER_SECRET',
    ]);
  });

  it('of an empty environment are what is required', () => {
    const empty = { ZEGO_APP_ID: '', ZEGO_SERVER_SECRET: '', AUTH_JWT_SECRET: '' };
    expect(refusal(empty).map((line) => line.replace(/ \(.*/, ''))).toEqual([
      'ZEGO_APP_ID: is required',
      'ZEGO_SERVER_SECRET: is required',
      'AUTH_JWT_SECRET: exactly one of AUTH_JWT_SECRET, AUTH_JWT_PUBLIC_KEY, AUTH_JWKS_FILE, AUTH_JWKS_URL, AUTH_PROVIDERS_FILE, AUTH_PROVIDER, AUTH_INTROSPECTION_URL must be set, or AUTH_ISSUER alone; none is set',
    ]);
  });
});

describe('ACCESS_MODE', () => {
  const http = { ACCESS_HTTP_URL: 'https://b.example/', ACCESS_HTTP_SECRET: LONG_SECRET };

  it.each([
    ['sqlite', { ACCESS_SQLITE_PATH: 'x.db' }, { path: 'x.db' }],
    ['postgres', { DATABASE_URL: 'postgres://db/a' }, { url: 'postgres://db/a' }],
    [
      'http',
      { ...http, ACCESS_IGNORED_FIELDS: 'comment, trace' },
      {
        url: 'https://b.example/',
        secret: LONG_SECRET,
        timeoutMs: 1000,
        ignoredFields: ['comment', 'trace'],
      },
    ],
    ['claims', {}, {}],
  ])('%s takes what it needs', (mode, variables, rest) => {
    expect(load({ ACCESS_MODE: mode, ...variables }).access).toEqual({ mode, ...rest });
  });

  it.each([
    ['postgres', ['DATABASE_URL']],
    ['http', ['ACCESS_HTTP_URL', 'ACCESS_HTTP_SECRET']],
  ])('%s says what is missing', (mode, names) => {
    const lines = refusal({ ACCESS_MODE: mode });
    expect(lines).toEqual(
      names.map((name) =>
        expect.stringContaining(`${name}: is required with ACCESS_MODE=${mode} (for example`),
      ),
    );
  });
});

describe('a command that needs a part of the environment', () => {
  it('is not stopped by what is wrong elsewhere', () => {
    const environment = {
      PORT: '-1',
      ZEGO_SERVER_SECRET: LONG_SECRET,
      ADMIN_API_KEY_FILE: 'no',
      COUNTRY_HEADER: 'CF-IPCountry',
    };
    expect(loadVariables(environment, noFiles, ['ZEGO_SERVER_SECRET'])).toEqual({
      ZEGO_SERVER_SECRET: LONG_SECRET,
    });
    expect(loadAccess(environment, noFiles)).toEqual({ mode: 'sqlite', path: 'data/access.db' });
  });

  it('is told what is wrong with that part', () => {
    const read = (environment: object) => () =>
      loadVariables({ ...environment }, noFiles, ['ZEGO_SERVER_SECRET', 'PORT']);
    expect(thrownBy(read({ PORT: '-1' }))).toMatchObject({
      name: 'ConfigError',
      problems: ['ZEGO_SERVER_SECRET', 'PORT'].map((variable) =>
        expect.objectContaining({ variable }),
      ),
    });
    const unreadable = thrownBy(read({ ZEGO_SERVER_SECRET_FILE: 'no' }));
    expect(String(unreadable)).toContain('ZEGO_SERVER_SECRET_FILE: must be the path');
  });

  it('is told what its access mode is missing', () => {
    const error = thrownBy(() => loadAccess({ ACCESS_MODE: 'postgres' }, noFiles));
    expect(String(error)).toContain('DATABASE_URL: is required with ACCESS_MODE=postgres');
    const unknown = thrownBy(() => loadAccess({ ACCESS_MODE: 'mysql' }, noFiles));
    expect(String(unknown)).toContain('ACCESS_MODE: must be one of');
  });
});
