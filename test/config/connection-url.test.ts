import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ignoredOptions } from '../../src/config/connection-url.ts';
import { loadValues, refusal } from '../support/environment.ts';

const postgres = (url: string) => loadValues({ DATABASE_URL: url }).DATABASE_URL;
const redis = (url: string) => loadValues({ REDIS_URL: url }).REDIS_URL;
const refused = (variables: Record<string, string>) => refusal(variables).join('\n');

const CANARY = 'canary-password-9c1f';

/** As the documentation of each provider has them, and what the driver is given. */
const PROVIDERS: [provider: string, url: string, given?: string][] = [
  ['Amazon RDS', 'postgresql://u:p@a.b.eu-west-1.rds.amazonaws.com:5432/db?sslmode=require'],
  [
    'Amazon RDS, with its bundle',
    'postgres://u:p@a.rds.amazonaws.com/db?sslmode=verify-full&sslrootcert=/run/global-bundle.pem',
  ],
  ['Azure', 'postgres://u%40server:p@a.postgres.database.azure.com:5432/db?sslmode=require'],
  [
    'Google Cloud SQL',
    'postgres://u:p@/db?host=/cloudsql/project:region:instance',
    'postgres://u:p@localhost/db?host=/cloudsql/project:region:instance',
  ],
  ['Heroku', 'postgres://u:p@ec2-1-2-3-4.compute-1.amazonaws.com:5432/db'],
  [
    'Heroku, with TLS',
    'postgres://u:p@ec2-1.amazonaws.com:5432/db?ssl=true',
    'postgres://u:p@ec2-1.amazonaws.com:5432/db?sslmode=verify-full',
  ],
  ['Neon', 'postgresql://u:p@ep-a-b-1-pooler.eu-central-1.aws.neon.tech/db?sslmode=require'],
  ['Neon by endpoint', 'postgresql://u:p@neon.tech/db?sslmode=require&options=endpoint%3Dep-a'],
  [
    'Supabase',
    'postgres://postgres.ref:p@aws-0-eu-central-1.pooler.supabase.com:6543/postgres?pgbouncer=true',
  ],
  ['Prisma', 'postgresql://u:p@db:5432/db?schema=public&connection_limit=1&pool_timeout=20'],
  ['DigitalOcean', 'postgresql://u:p@db-a.db.ondigitalocean.com:25060/db?sslmode=require'],
  ['Aiven', 'postgres://u:p@a.aivencloud.com:12345/db?sslmode=require'],
  ['Render', 'postgresql://u:p@dpg-a-a.frankfurt-postgres.render.com/db'],
  ['Railway', 'postgresql://u:p@containers-us-west-1.railway.app:5432/railway'],
  ['Fly.io', 'postgres://u:p@a.flycast:5432/db?sslmode=disable'],
  [
    'CockroachDB',
    'postgresql://u:p@a.cockroachlabs.cloud:26257/db?sslmode=verify-full&sslrootcert=system',
    'postgresql://u:p@a.cockroachlabs.cloud:26257/db?sslmode=verify-full',
  ],
  ['Timescale', 'postgres://u:p@a.tsdb.cloud.timescale.com:30000/tsdb?sslmode=require'],
  [
    'Alibaba Cloud',
    'postgres://u:p@pgm-a.pg.rds.aliyuncs.com:5432/db?sslmode=verify-ca&sslrootcert=/run/ca.pem',
  ],
  ['a socket', 'postgres://u@%2Frun%2Fpostgresql/db'],
  [
    'a socket as an option',
    'postgres:///db?host=/run/postgresql',
    'postgres://localhost/db?host=/run/postgresql',
  ],
];

describe('a URL of PostgreSQL', () => {
  it.each(PROVIDERS)('is taken as %s hands it out', (_provider, url, given = url) => {
    expect(postgres(url)).toBe(given);
  });

  it.each<[ssl: string, mode: string]>([
    ...['true', '1', 'on', 'require', 'REQUIRE', 'verify-ca', 'verify-full', 'prefer'].map(
      (ssl) => [ssl, 'verify-full'] as [string, string],
    ),
    ...['false', '0', 'off', 'disable'].map((ssl) => [ssl, 'disable'] as [string, string]),
    ['no-verify', 'no-verify'],
  ])('has ssl=%s understood as sslmode=%s', (ssl, mode) => {
    expect(postgres(`postgres://db/a?ssl=${ssl}`)).toBe(`postgres://db/a?sslmode=${mode}`);
  });

  it.each([
    ['ssl_mode=require', /ssl_mode; did you mean sslmode\?/],
    ['sslMode=require', /sslMode; did you mean sslmode\?/],
    ['SSLMODE=require', /SSLMODE; did you mean sslmode\?/],
    ['ssl-mode=require', /ssl-mode; did you mean sslmode\?/],
    ['sslmod=require', /sslmod; did you mean sslmode\?/],
    ['tls=true', /tls; did you mean sslmode\?/],
    ['useSSL=true', /useSSL; did you mean sslmode\?/],
    ['requireSSL=1', /requireSSL; did you mean sslmode\?/],
    ['sslca=/run/ca.pem', /sslca; did you mean sslrootcert\?/],
    ['sslroot=/run/ca.pem', /sslroot; .*sslrootcert/],
    ['ssl_root_cert=/run/ca.pem', /ssl_root_cert; did you mean sslrootcert\?/],
    ['sslcrl=/run/crl.pem', /sslcrl; /],
    ['target=x', /target; the options are host/],
    ['sslmode=verify-full&sslmode=disable', /the option sslmode twice/],
    ['sslmode=', /the option sslmode without a value/],
    ['ssl=', /the option ssl without a value/],
    ['ssl=maybe', /an ssl that is not known/],
    ['ssl=true&sslmode=disable', /contradict each other/],
    ['ssl=false&sslmode=require', /contradict each other/],
    ['sslmode=require&channel_binding=require', /channel_binding/],
    ['gssencmode=require', /gssencmode/],
    ['dbname=other', /dbname; did you mean the path/],
  ])('is refused with the option %s', (options, words) => {
    const lines = refused({
      ACCESS_MODE: 'postgres',
      DATABASE_URL: `postgres://u:${CANARY}@db/a?${options}`,
    });
    expect(lines).toMatch(/^DATABASE_URL: /);
    expect(lines).toMatch(words);
    expect(lines).not.toContain(CANARY);
  });

  it.each([
    'postgres://u:p@h1:5432,h2:5432/db',
    'postgres://u:p@h1,h2/db?target_session_attrs=read-write',
    'postgres://u:p@h1%2Ch2/db',
    'postgres://u:p@/db?host=h1,h2',
  ])('is refused with several hosts: %s', (url) => {
    expect(refused({ ACCESS_MODE: 'postgres', DATABASE_URL: url })).toMatch(
      /several hosts; give the address of the primary/,
    );
  });

  it('honours channel_binding=prefer, and has none by disable', () => {
    expect(postgres('postgres://db/a?sslmode=require&channel_binding=prefer')).toBe(
      'postgres://db/a?sslmode=require&enableChannelBinding=true',
    );
    expect(postgres('postgres://db/a?channel_binding=disable&gssencmode=prefer')).toBe(
      'postgres://db/a',
    );
  });

  it('has options of other tools named, which are ignored', () => {
    const url = 'postgres://db/a?pgbouncer=true&schema=public&connection_limit=1&sslmode=require';
    expect(postgres(url)).toBe(url);
    expect(ignoredOptions('DATABASE_URL', url)).toEqual([
      'pgbouncer',
      'schema',
      'connection_limit',
    ]);
  });

  it('never loses TLS to an option that is written in another way', () => {
    const letters = fc.constantFrom(
      's',
      'S',
      'l',
      'L',
      'm',
      'o',
      'd',
      'e',
      '_',
      '-',
      't',
      'r',
      'q',
    );
    const name = fc.string({ unit: letters, minLength: 2, maxLength: 10 });
    fc.assert(
      fc.property(name, (option) => {
        fc.pre(!['ssl', 'sslmode'].includes(option));
        expect(() => postgres(`postgres://db/a?${option}=require`)).toThrow();
      }),
    );
  });
});

describe('a URL of Redis', () => {
  it.each([
    ['Heroku', 'rediss://:p@ec2-1.compute-1.amazonaws.com:6380?ssl_cert_reqs=none'],
    ['Upstash', 'rediss://default:p@a.upstash.io:6379'],
    ['Azure', 'rediss://:p%3D@a.redis.cache.windows.net:6380/0'],
    ['Amazon ElastiCache', 'rediss://master.a.abc.euw1.cache.amazonaws.com:6379'],
    ['redis-py', 'redis://r:6379/0?socket_timeout=5&max_connections=10&protocol=3'],
    ['IPv6', 'redis://[2001:db8::1]:6379?family=6'],
  ])('is taken as %s has it', (_name, url) => {
    expect(redis(url)).toBe(url);
  });

  it.each([
    ['redis://r?tls=true', /tls; did you mean rediss:\/\/\?/],
    ['redis://r?ssl=true', /ssl; did you mean rediss:\/\/\?/],
    ['redis://r?useTls=1', /useTls; did you mean rediss:\/\/\?/],
    [`redis://r?password=${CANARY}`, /password; did you mean the part before @\?/],
    ['redis://r?dbs=1', /dbs; did you mean db\?/],
    ['redis://r?enableOfflineQueue=true', /enableOfflineQueue; the options are db, family/],
    ['redis://r?db=1&db=2', /the option db twice/],
    ['redis+sentinel://h1,h2/mymaster', /must be a redis:\/\/ or rediss:\/\/ URL/],
    ['unix:///run/redis.sock', /must be a redis:\/\/ or rediss:\/\/ URL/],
  ])('is refused: %s', (url, words) => {
    const lines = refused({ REDIS_URL: url });
    expect(lines).toMatch(/^REDIS_URL: /);
    expect(lines).toMatch(words);
    expect(lines).not.toContain(CANARY);
  });

  it('has options of other tools named, which are ignored', () => {
    expect(ignoredOptions('REDIS_URL', 'rediss://r?ssl_cert_reqs=none&db=1')).toEqual([
      'ssl_cert_reqs',
    ]);
  });
});
