import { describe, expect, it } from 'vitest';
import { unknownVariables, unusedVariables } from '../../src/config/suggest.ts';
import { FILE_VARIABLES, variables } from '../../src/config/variables.ts';
import { LEAST, load, loadValues, refusal } from '../support/environment.ts';

const SECRET = 'abcdefghijklmnopqrstuvwxyzabcdef';

describe('a secret in a file', () => {
  const inFile = { ZEGO_SERVER_SECRET: undefined, ZEGO_SERVER_SECRET_FILE: '/run/secret' };

  it.each([
    ['as it is', SECRET],
    ['without its line end', `${SECRET}\n`],
    ['without its line end of Windows', `${SECRET}\r\n`],
  ])('is read %s', (_name, text) => {
    expect(load(inFile, { '/run/secret': text }).zego.secret).toBe(SECRET);
  });

  it.each([
    [
      'two line ends',
      `${SECRET}\n\n`,
      'the value in the file: begins or ends with a space or a line end',
    ],
    ['a space', `${SECRET} `, 'the value in the file: begins or ends with a space or a line end'],
    [
      'a carriage return alone',
      `${SECRET}\r`,
      'the value in the file: begins or ends with a space or a line end',
    ],
    ['nothing', '', 'the file is empty'],
    ['a line', `${SECRET}\nx`, 'the value in the file: must be 32 bytes long'],
  ])('is not trimmed any further: %s', (_name, text, message) => {
    const lines = refusal(inFile, { '/run/secret': text });
    expect(lines).toEqual([expect.stringContaining(`ZEGO_SERVER_SECRET_FILE: ${message}`)]);
  });

  it('and in the environment at once is refused', () => {
    const both = { ZEGO_SERVER_SECRET_FILE: '/run/secret' };
    expect(refusal(both, { '/run/secret': SECRET })).toEqual([
      expect.stringContaining('ZEGO_SERVER_SECRET: and ZEGO_SERVER_SECRET_FILE are both set'),
    ]);
  });

  it('that cannot be read is named by its variable, and the path is not quoted', () => {
    const lines = refusal({ ...inFile, ZEGO_SERVER_SECRET_FILE: SECRET });
    expect(lines).toEqual([
      expect.stringMatching(/^ZEGO_SERVER_SECRET_FILE: must be the path of a readable file; /),
    ]);
    expect(lines.join()).not.toContain(SECRET);
  });

  it('may be any secret', () => {
    const values: Record<(typeof FILE_VARIABLES)[number], string> = {
      ZEGO_SERVER_SECRET: SECRET,
      ZEGO_SERVER_SECRET_PREVIOUS: SECRET,
      AUTH_JWT_SECRET: SECRET,
      AUTH_JWT_SECRET_PREVIOUS: SECRET,
      AUTH_JWT_PUBLIC_KEY: 'a key',
      AUTH_JWT_PUBLIC_KEY_PREVIOUS: 'a key',
      AUTH_INTROSPECTION_CLIENT_SECRET: 'the secret of that client',
      AUTH_USER_ID_KEY: SECRET,
      DATABASE_URL: 'postgres://db/access',
      ACCESS_HTTP_SECRET: SECRET,
      REDIS_URL: 'redis://redis',
      ADMIN_API_KEY: SECRET,
    };
    for (const name of FILE_VARIABLES.filter((each) => values[each] !== 'a key')) {
      const found = loadValues(
        { [name]: undefined, [`${name}_FILE`]: 'f' },
        { f: `${values[name]}\n` },
      );
      expect(found[name]).toBe(values[name]);
    }
  });

  it('is not for what is no secret', () => {
    expect(load({ PORT_FILE: 'f' }, { f: '1' }).http.port).toBe(8080);
  });
});

describe('names that we do not know', () => {
  it('are reported under our prefixes', () => {
    const environment = {
      ...LEAST,
      ZEGO_SERVERSECRET: 'x',
      TOKEN_TTL: '1',
      AUTH_JWKS_URI: 'x',
      ACCESS_SQLITE: '',
      ZEGO_APP_ID_FILE: 'x',
      AUTH_PROVIDERS: 'x',
    };
    expect(unknownVariables(environment).map(({ variable }) => variable)).toEqual([
      'ZEGO_SERVERSECRET',
      'TOKEN_TTL',
      'AUTH_JWKS_URI',
      'ACCESS_SQLITE',
      'ZEGO_APP_ID_FILE',
      'AUTH_PROVIDERS',
    ]);
  });

  it('are nobody else’s business', () => {
    const others = { PATH: '/bin', HOME: '/', MY_ZEGO_SECRET: 'x', AUTHOR: 'me', TOKENS: '1' };
    expect(unknownVariables(others)).toEqual([]);
    expect(unknownVariables({ PGHOST: 'db.example', PGPORT: '5432' })).toEqual([]);
  });

  it.each([
    ['ZEGO_APPID', 'ZEGO_APP_ID'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['RATE_LIMIT_PER_UESR', 'RATE_LIMIT_PER_USER'],
    ['REDIS_URI', 'REDIS_URL'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['PORTT', 'PORT'],
    ['ADMIN_API_KEY_FIEL', 'ADMIN_API_KEY_FILE'],
    ['TRUST_PROXIES', undefined],
    ['HOME', undefined],
    ['AUTH_NONSENSE', undefined],
  ])('have a suggestion where they are near one of ours: %s', (name, suggestion) => {
    expect(unknownVariables({ [name]: 'x' })[0]?.suggestion).toBe(suggestion);
  });

  it('are not those that Kubernetes injects for a Service, whatever it is called', () => {
    for (const service of ['ZEGO_VIDEO_TOKEN', 'AUTH_API', 'TOKEN', 'DATABASE']) {
      const names = ['SERVICE_HOST', 'SERVICE_PORT', 'SERVICE_PORT_HTTP', 'PORT', 'PORT_80_TCP'];
      const more = ['PORT_80_TCP_ADDR', 'PORT_80_TCP_PORT', 'PORT_80_TCP_PROTO'];
      const injected = [...names, ...more].map((name) => [`${service}_${name}`, '10.0.0.1']);
      expect(unknownVariables(Object.fromEntries(injected))).toEqual([]);
    }
  });

  it('are none of ours', () => {
    const ours = [...Object.keys(variables), ...FILE_VARIABLES.map((name) => `${name}_FILE`)];
    expect(unknownVariables(Object.fromEntries(ours.map((name) => [name, 'x'])))).toEqual([]);
  });
});

describe('variables that are set and not read', () => {
  it.each<[string, Record<string, string>, string]>([
    ['DATABASE_URL', {}, 'ACCESS_MODE=postgres'],
    ['DATABASE_URL_FILE', { ACCESS_MODE: 'sqlite' }, 'ACCESS_MODE=postgres'],
    ['ACCESS_HTTP_URL', { ACCESS_MODE: 'claims' }, 'ACCESS_MODE=http'],
    ['ACCESS_HTTP_SECRET', {}, 'ACCESS_MODE=http'],
    ['AUTH_USER_ID_KEY', { AUTH_USER_ID: 'claim' }, 'AUTH_USER_ID=hash'],
  ])('have the setting that they are for: %s', (variable, others, setting) => {
    expect(unusedVariables({ [variable]: 'x', ...others })).toEqual([
      { variable, fix: `set ${setting}, or remove it` },
    ]);
    const [name = '', value = ''] = setting.split('=');
    expect(unusedVariables({ [variable]: 'x', ...others, [name]: value })).toEqual([]);
  });

  it('that are empty count as not set', () => {
    expect(unusedVariables({ DATABASE_URL: '' })).toEqual([]);
  });
});

describe('a secret under a name that ends up in the client', () => {
  it.each([
    'NEXT_PUBLIC_ZEGO_SERVER_SECRET',
    'VITE_ZEGO_SERVER_SECRET',
    'REACT_APP_ZEGO_SECRET',
    'NUXT_PUBLIC_ZEGO_SERVER_SECRET',
    'EXPO_PUBLIC_ZEGO_SERVER_SECRET',
    'VUE_APP_MY_ZEGO_SERVER_SECRET',
    'GATSBY_ZEGO_SECRET_KEY',
    'PUBLIC_ZEGO_SERVER_SECRET',
    'vite_zego_server_secret',
  ])('refuses the start: %s', (name) => {
    const lines = refusal({ [name]: SECRET });
    expect(lines).toEqual([
      expect.stringContaining(`${name}: a variable that bundlers copy into the client`),
    ]);
    expect(lines.join()).not.toContain(SECRET);
  });

  it.each(['NEXT_PUBLIC_ZEGO_APP_ID', 'VITE_API_SECRET', 'ZEGO_SERVER_SECRET_OLD'])(
    'is not meant: %s',
    (name) => {
      expect(load({ [name]: '1' }).zego.appId).toBe(1_234_567_890);
    },
  );

  it.each(['VITE_KEY', 'NEXT_PUBLIC_VIDEO_TOKEN', 'public_x'])(
    'refuses the start by its value, whatever the name: %s',
    (name) => {
      const lines = refusal({ [name]: SECRET });
      expect(lines).toEqual([
        expect.stringContaining(`${name}: a variable that bundlers copy into the client`),
      ]);
      expect(lines.join()).not.toContain(SECRET);
      const inFile = {
        ZEGO_SERVER_SECRET: undefined,
        ZEGO_SERVER_SECRET_FILE: 'f',
        [name]: SECRET,
      };
      expect(refusal(inFile, { f: `${SECRET}\n` })).toEqual(lines);
      expect(load({ [name]: `${SECRET}x` }).zego.secret).toBe(SECRET);
    },
  );

  it('may be left there empty', () => {
    expect(load({ VITE_ZEGO_SERVER_SECRET: '' }).zego.appId).toBe(1_234_567_890);
  });
});
