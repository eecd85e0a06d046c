import { z } from 'zod';
import { HASHED_LENGTH } from '../identifiers.ts';
import { MAX_LIFETIME_SECONDS } from '../token04/index.ts';
import { postgresUrl, redisUrl } from './connection-url.ts';
import { AUDIENCE_CLAIMS } from './identity/presets.ts';
import {
  INTROSPECTION_AUTH_METHODS,
  readRequiredClaims,
  SENDER_CONSTRAINED,
} from './identity/provider.ts';
import { isSafeUrl, SAFE_URL_RULE } from './identity/provider-keys.ts';
import { SECRET_ENCODINGS } from './identity/secret.ts';
import {
  choice,
  flag,
  host,
  integer,
  isCidr,
  isHostName,
  isOrigin,
  list,
  path,
  secret,
  serverSecret,
} from './schemas.ts';

const anything = () => true;

/** All environment variables, each with an example for error messages and a schema with the default. */
export const variables = {
  HOST: variable('0.0.0.0', host().default('0.0.0.0')),
  PORT: variable('8080', integer(0, 65_535).default(8080)),
  INTERNAL_HOST: variable('127.0.0.1', host().default('127.0.0.1')),
  INTERNAL_PORT: variable('9090', integer(0, 65_535).default(9090)),
  LOG_LEVEL: variable(
    'info',
    choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  ),
  TRUST_PROXY: variable(
    '10.0.0.0/8',
    list(isCidr, 'addresses or CIDR ranges no wider than /8 (IPv6: /7)').default([]),
  ),
  CORS_ORIGINS: variable(
    'https://app.example',
    list(isOrigin, 'origins with http:// or https://, never *').default([]),
  ),
  ZEGO_APP_ID: variable('1234567890', integer(1, 4_294_967_295)),
  ZEGO_SERVER_SECRET: variable('the 32 characters of the console', serverSecret()),
  ZEGO_SERVER_SECRET_PREVIOUS: variable('the 32 characters of before', serverSecret().optional()),
  ZEGO_ID_RULE: variable('strict', choice(['strict', 'off']).default('strict')),
  TOKEN_MODE: variable('cbc', choice(['cbc', 'gcm']).default('cbc')),
  TOKEN_TTL_SECONDS: variable('3600', integer(60, MAX_LIFETIME_SECONDS).default(3600)),
  TOKEN_OUTLIVES_SESSION: variable('false', flag()),
  AUTH_PROVIDER: variable('auth0:example.eu.auth0.com', z.string().optional()),
  AUTH_JWT_SECRET: variable('32 or more random characters', z.string().optional()),
  AUTH_JWT_SECRET_PREVIOUS: variable('32 or more random characters', z.string().optional()),
  AUTH_JWT_SECRET_ENCODING: variable('base64', choice(SECRET_ENCODINGS).default('text')),
  AUTH_JWT_PUBLIC_KEY: variable('-----BEGIN PUBLIC KEY-----…', z.string().optional()),
  AUTH_JWT_PUBLIC_KEY_PREVIOUS: variable('-----BEGIN PUBLIC KEY-----…', z.string().optional()),
  AUTH_JWKS_FILE: variable('/run/config/jwks.json', z.string().optional()),
  AUTH_JWKS_URL: variable('https://login.example/jwks', z.string().optional()),
  AUTH_PROVIDERS_FILE: variable('/run/config/providers.json', z.string().optional()),
  AUTH_INTROSPECTION_URL: variable('https://login.example/introspect', z.string().optional()),
  AUTH_INTROSPECTION_CLIENT_ID: variable('zego-video-token', z.string().optional()),
  AUTH_INTROSPECTION_CLIENT_SECRET: variable('the secret of that client', z.string().optional()),
  AUTH_INTROSPECTION_AUTH_METHOD: variable(
    'client_secret_post',
    choice(INTROSPECTION_AUTH_METHODS).default('client_secret_basic'),
  ),
  AUTH_ISSUER: variable('https://login.example', z.string().optional()),
  AUTH_AUDIENCE: variable('zego-video-token', list(anything, 'values').optional()),
  AUTH_AUDIENCE_CLAIM: variable('client_id', choice(AUDIENCE_CLAIMS).optional()),
  AUTH_AUDIENCE_OPTIONAL: variable('false', flag()),
  AUTH_TENANTS: variable(
    '11111111-2222-3333-4444-555555555555',
    list(anything, 'values').optional(),
  ),
  AUTH_ALLOW_HTTP: variable('false', flag()),
  AUTH_ALGORITHMS: variable('RS256', list(anything, 'values').optional()),
  AUTH_REQUIRED_CLAIMS: variable('token_use=access,scope=films:watch', requiredClaims()),
  AUTH_SENDER_CONSTRAINED: variable('ignore', choice(SENDER_CONSTRAINED).default('refuse')),
  AUTH_USER_CLAIM: variable('sub', z.string().optional()),
  AUTH_USER_CLAIM_NUMERIC: variable('false', flag()),
  AUTH_USER_ID: variable('hash', choice(['claim', 'hash']).default('claim')),
  AUTH_USER_ID_LENGTH: variable('32', integer(24, HASHED_LENGTH).default(HASHED_LENGTH)),
  AUTH_USER_ID_KEY: variable('32 or more random characters', secret().optional()),
  AUTH_TIMEOUT_MS: variable('5000', integer(500, 10_000).default(2_000)),
  OUTBOUND_PROXY: variable('environment', choice(['off', 'environment']).default('off')),
  AUTH_CLOCK_TOLERANCE_SECONDS: variable('5', integer(0, 60).default(5)),
  ROOM_TOKENS: variable('on', choice(['on', 'off']).default('off')),
  BASIC_TOKENS: variable('zim', choice(['on', 'zim', 'off']).default('off')),
  ACCESS_MODE: variable(
    'sqlite',
    choice(['sqlite', 'postgres', 'http', 'claims']).default('sqlite'),
  ),
  ACCESS_SQLITE_PATH: variable('data/access.db', path().default('data/access.db')),
  DATABASE_URL: variable('postgres://user:password@db.example/access', postgresUrl().optional()),
  ACCESS_HTTP_URL: variable(
    'https://backend.example/video-access',
    z.string().refine(isSafeUrl, SAFE_URL_RULE).optional(),
  ),
  ACCESS_HTTP_SECRET: variable('32 or more random characters', secret().optional()),
  ACCESS_HTTP_TIMEOUT_MS: variable('1000', integer(50, 2_000).default(1000)),
  ACCESS_IGNORED_FIELDS: variable('comment', list(anything, 'field names').default([])),
  USER_NAMES: variable('off', choice(['on', 'off']).default('on')),
  COUNTRY_HEADER: variable(
    'CF-IPCountry',
    z
      .string()
      .regex(/^[\w-]+$/, 'must be the name of a header')
      .transform((name) => name.toLowerCase())
      .optional(),
  ),
  RATE_LIMIT_PER_IP: variable('300', integer(1, 1_000_000).default(300)),
  RATE_LIMIT_PER_USER: variable('60', integer(1, 1_000_000).default(60)),
  REDIS_URL: variable('redis://redis.example:6379', redisUrl().optional()),
  ADMIN_API_KEY: variable('32 or more random characters', secret().optional()),
  ADMIN_KEYS_FILE: variable('/run/config/admin-keys.json', z.string().optional()),
  ADMIN_HOSTS: variable('console.internal.example', list(isHostName, 'host names').default([])),
  CHANGES_KEEP_DAYS: variable('400', integer(1, 36_500).default(400)),
  SHUTDOWN_DELAY_MS: variable('5000', integer(0, 600_000).default(5000)),
  SHUTDOWN_TIMEOUT_MS: variable('10000', integer(1, 600_000).default(10_000)),
  REUSE_PORT: variable('false', flag()),
};

export type VariableName = keyof typeof variables;
export type Variables = z.output<z.ZodObject<typeof variables>>;

/** Variables that can be set as `NAME_FILE`, the path of a file with the value. */
export const FILE_VARIABLES = [
  'ZEGO_SERVER_SECRET',
  'ZEGO_SERVER_SECRET_PREVIOUS',
  'AUTH_JWT_SECRET',
  'AUTH_JWT_SECRET_PREVIOUS',
  'AUTH_JWT_PUBLIC_KEY',
  'AUTH_JWT_PUBLIC_KEY_PREVIOUS',
  'AUTH_INTROSPECTION_CLIENT_SECRET',
  'AUTH_USER_ID_KEY',
  'DATABASE_URL',
  'ACCESS_HTTP_SECRET',
  'REDIS_URL',
  'ADMIN_API_KEY',
] as const satisfies VariableName[];

function requiredClaims() {
  return z
    .string()
    .superRefine((pairs, context) => {
      const { problem: message } = readRequiredClaims(pairs);
      if (message) context.addIssue({ code: 'custom', message });
    })
    .optional();
}

export function exampleOf(name: VariableName): string {
  return String(variables[name].meta()?.example);
}

function variable<T extends z.ZodType>(example: string, rule: T): T {
  return rule.meta({ example });
}
