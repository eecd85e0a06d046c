import { z } from 'zod';
import { nearest } from '../messages/nearest.ts';
import { hasLateAt } from './identity/provider-keys.ts';

const ESCAPES = 'in its password write % / ? # @ as %25 %2F %3F %23 %40';

/** The options after the `?` of a URL. */
type Options = {
  /** Those that the driver honours. */
  known: readonly string[];
  /** Options of other tools, without which a connection is no less safe; the service warns of them. */
  ignored: readonly string[];
  /** Names that other tools give to a known option and that are too different for {@link nearest}. */
  synonyms: Readonly<Record<string, string>>;
};

const POSTGRES: Options = {
  known: [
    ...['host', 'port', 'user', 'password', 'options', 'application_name'],
    ...['fallback_application_name', 'client_encoding', 'statement_timeout'],
    ...['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation'],
    ...['channel_binding', 'gssencmode', 'uselibpqcompat'],
  ],
  ignored: [
    // Prisma, Supabase, Vercel.
    ...['pgbouncer', 'schema', 'connection_limit', 'pool', 'pool_timeout', 'socket_timeout'],
    ...['statement_cache_size', 'sslaccept', 'supa', 'workaround', 'single_use_connections'],
    // libpq.
    ...['connect_timeout', 'keepalives', 'keepalives_idle', 'keepalives_interval'],
    ...['keepalives_count', 'tcp_user_timeout', 'target_session_attrs', 'load_balance_hosts'],
    ...['sslcompression', 'sslsni', 'passfile'],
    // Rails, SQLAlchemy, pgx, lib/pq, JDBC.
    ...['pool_size', 'max_overflow', 'pool_max_conns', 'pool_min_conns', 'prepared_statements'],
    ...['default_query_exec_mode', 'binary_parameters', 'prepareThreshold', 'search_path'],
    ...['currentSchema', 'timezone', 'TimeZone', 'reconnect', 'checkout_timeout', 'encoding'],
  ],
  synonyms: {
    ...{ tls: 'sslmode', usessl: 'sslmode', requiressl: 'sslmode', encrypt: 'sslmode' },
    ...{ ca: 'sslrootcert', sslca: 'sslrootcert', ssl_ca: 'sslrootcert', cafile: 'sslrootcert' },
    ...{ sslcrl: 'sslrootcert', dbname: 'the path', database: 'the path', hostaddr: 'host' },
  },
};

const REDIS: Options = {
  known: ['db', 'family'],
  ignored: [
    ...['ssl_cert_reqs', 'ssl_check_hostname', 'protocol', 'client_name', 'timeout'],
    ...['socket_timeout', 'socket_connect_timeout', 'connect_timeout', 'max_connections'],
    ...['health_check_interval', 'retry_on_timeout', 'decode_responses', 'addr'],
  ],
  synonyms: {
    ...{ tls: 'rediss://', ssl: 'rediss://', usetls: 'rediss://', usessl: 'rediss://' },
    ...{ database: 'db', password: 'the part before @', username: 'the part before @' },
  },
};

/** The modes of `sslmode` for the values that drivers give to `ssl`. */
const SSL: Readonly<Record<string, string>> = {
  ...{ true: 'verify-full', 1: 'verify-full', on: 'verify-full', yes: 'verify-full' },
  ...{ prefer: 'verify-full', require: 'verify-full', required: 'verify-full' },
  ...{ 'verify-ca': 'verify-full', 'verify-full': 'verify-full', 'no-verify': 'no-verify' },
  ...{ false: 'disable', 0: 'disable', off: 'disable', no: 'disable', disable: 'disable' },
};

/** A URL whose protocol matches `protocol`; `schemes` names the valid ones in the message. */
function url(schemes: string, protocol: RegExp) {
  return z
    .string()
    .refine(
      (value) => protocol.test(URL.parse(value)?.protocol ?? '') && isDecodable(value),
      `must be a ${schemes} URL; ${ESCAPES}`,
    )
    .refine((value) => {
      const given = URL.parse(value);
      return given === null || !hasLateAt(given);
    }, `has an @ after its host; ${ESCAPES}`);
}

function isDecodable(value: string): boolean {
  try {
    return decodeURIComponent(value) !== '';
  } catch {
    return false;
  }
}

/** A URL of PostgreSQL as providers hand it out, in the form that `pg` understands in the same way as libpq. */
export function postgresUrl() {
  return z
    .string()
    .refine(
      (value) => !hasSeveralHosts(value),
      'names several hosts; give the address of the primary, or of a proxy that finds it',
    )
    .transform(withHost)
    .pipe(url('postgres://', /^postgres(ql)?:$/))
    .superRefine(refuse(POSTGRES))
    .superRefine(refuseOptions)
    .transform(withUnderstoodOptions);
}

/** The path of a Redis URL is the number of a database. */
export function redisUrl() {
  return url('redis:// or rediss://', /^rediss?:$/)
    .superRefine(refuse(REDIS))
    .refine((value) => {
      const { pathname = '', searchParams } = URL.parse(value) ?? {};
      return /^\/?\d*$/.test(pathname) && /^\d*$/.test(searchParams?.get('db') ?? '');
    }, 'must end with the number of a database, such as /0, or without a path');
}

/** The options of a valid URL that the service ignores. */
export function ignoredOptions(variable: 'DATABASE_URL' | 'REDIS_URL', address: string): string[] {
  const { ignored } = variable === 'DATABASE_URL' ? POSTGRES : REDIS;
  return [...optionsOf(address).keys()].filter((name) => ignored.includes(name));
}

function optionsOf(address: string): URLSearchParams {
  return URL.parse(address)?.searchParams ?? new URLSearchParams();
}

/** Refuses options that are not known or are given twice. */
function refuse({ known, ignored, synonyms }: Options) {
  return (address: string, context: z.RefinementCtx): void => {
    const options = [...optionsOf(address)];
    const names = options.map(([name]) => name);
    const add = (message: string) => context.addIssue({ code: 'custom', message });
    for (const [index, name] of names.entries()) {
      if (names.indexOf(name) !== index) add(`has the option ${name} twice; keep one`);
      if (options[index]?.[1] === '') add(`has the option ${name} without a value; give it one`);
      if (known.includes(name) || ignored.includes(name)) continue;
      const meant = nearest(name, known) ?? synonyms[name.toLowerCase().replaceAll('-', '_')];
      const hint = meant ? `did you mean ${meant}?` : `the options are ${known.join(', ')}`;
      add(`has an option that is not known: ${name.slice(0, 40)}; ${hint}`);
    }
  };
}

/** Refuses values that would be ignored, or would weaken the connection. */
function refuseOptions(address: string, context: z.RefinementCtx): void {
  const options = optionsOf(address);
  const add = (message: string) => context.addIssue({ code: 'custom', message });
  const ssl = options.get('ssl');
  const sslmode = options.get('sslmode');
  const mode = ssl === null ? undefined : SSL[ssl.toLowerCase()];
  if (ssl !== null && mode === undefined) {
    add('has an ssl that is not known; use sslmode=verify-full, no-verify or disable');
  }
  if (mode && sslmode && (mode === 'disable') !== (sslmode === 'disable')) {
    add('has ssl and sslmode that contradict each other; keep sslmode');
  }
  if (options.get('channel_binding') === 'require') {
    add(
      'requires channel_binding, which cannot be guaranteed here; leave it out: sslmode=verify-full checks the server',
    );
  }
  if (options.get('gssencmode') === 'require') {
    add('requires gssencmode, which this service does not have; use sslmode=verify-full');
  }
}

/** Puts a host where a socket or an option takes its place: `postgres://user@/db?host=/cloudsql/…`. */
function withHost(address: string): string {
  const hasHost = /[?&]host=[^&]/.test(address);
  return hasHost
    ? address.replace(/^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)(?=[/?])/i, '$1localhost')
    : address;
}

function hasSeveralHosts(address: string): boolean {
  const [, hosts = ''] = /^\w+:\/\/(?:[^/?#]*@)?([^/?#]*)/.exec(address) ?? [];
  const option = /[?&]host=([^&]*)/.exec(address)?.[1] ?? '';
  return /,|%2c/i.test(hosts) || /,|%2c/i.test(option);
}

/** Rewrites what `pg` would read in another way; leaves every other URL as it is. */
function withUnderstoodOptions(address: string): string {
  const parsed = URL.parse(address) as URL;
  const options = parsed.searchParams;
  const before = options.toString();
  const ssl = options.get('ssl');
  if (ssl !== null) {
    options.delete('ssl');
    if (!options.has('sslmode')) options.set('sslmode', SSL[ssl.toLowerCase()] as string);
  }
  // As in libpq: the certificates of the system, and nothing less than a full check.
  if (options.get('sslrootcert') === 'system') {
    options.delete('sslrootcert');
    options.set('sslmode', 'verify-full');
  }
  if (options.get('channel_binding') === 'prefer') options.set('enableChannelBinding', 'true');
  for (const name of ['channel_binding', 'gssencmode']) options.delete(name);
  return options.toString() === before ? address : parsed.href;
}
