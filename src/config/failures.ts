import { type Cause, causeOf, describeCause } from '../messages/causes.ts';
import type { AccessConfig, Config } from './config.ts';
import type { ConfigProblem } from './problems.ts';

/** The parts of a start that can fail: the access backend and the two listeners. */
export type StartPart = 'access' | 'public' | 'internal';

export class StartError extends Error {
  override readonly name = 'StartError';
  readonly part: StartPart;

  constructor(part: StartPart, cause: unknown) {
    super(`cannot start: ${part}`, { cause });
    this.part = part;
  }
}

/** @throws {StartError} where `work` rejects */
export function orStartError<T>(part: StartPart, work: Promise<T>): Promise<T> {
  return work.catch((cause) => {
    throw new StartError(part, cause);
  });
}

/** A failed operation: the variable to check, the operation, and the cause. */
export type Failure = { variable: string; what: string; cause: Cause };

export function startFailure(config: Config, { part, cause: error }: StartError): Failure {
  if (part === 'access') return accessFailure(config.access, error);
  const { host, port } = part === 'public' ? config.http : config.internal;
  const cause = causeOf(error);
  const isHost = ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'].includes(cause.code);
  return {
    variable: `${part === 'public' ? '' : 'INTERNAL_'}${isHost ? 'HOST' : 'PORT'}`,
    what: `cannot listen on ${host.includes(':') ? `[${host}]` : host}:${port}`,
    cause: cause.code === 'EACCES' ? { ...cause, fix: 'use a port from 1024 on' } : cause,
  };
}

/** Why access decisions fail. Names the path or the address, never a password. */
export function accessFailure(access: AccessConfig, error: unknown): Failure {
  const cause = causeOf(error);
  switch (access.mode) {
    case 'sqlite': {
      const what = `cannot use ${access.path}`;
      const fix = 'add the name of the file, such as access.db';
      const isFolder = cause.code === 'EISDIR';
      return {
        variable: 'ACCESS_SQLITE_PATH',
        what,
        cause: { ...cause, ...(isFolder && { fix }) },
      };
    }
    case 'postgres':
      return {
        variable: 'DATABASE_URL',
        what: `cannot use ${socketOf(access.url) ?? addressOf(access.url, '5432')}`,
        cause: { ...cause, ...fixInUrl(cause.code) },
      };
    case 'http': {
      const what = `cannot ask ${addressOf(access.url, '')}`;
      if (!/^STATUS_40[13]$/.test(cause.code)) return { variable: 'ACCESS_HTTP_URL', what, cause };
      const fix = 'give the backend the same secret';
      return { variable: 'ACCESS_HTTP_SECRET', what, cause: { ...cause, fix } };
    }
    case 'claims':
      return { variable: 'ACCESS_MODE', what: 'cannot decide', cause };
  }
}

/** Why the rate limits are not shared. */
export function redisFailure(url: string, error: unknown): Failure {
  const cause = causeOf(error);
  const what = `cannot use ${addressOf(url, '6379')}`;
  // A TLS mismatch shows only as a timeout or a closed connection.
  if (!/TIMEDOUT|TIMEOUT|ECONNRESET|EPIPE|CONNECTION_LOST/.test(cause.code)) {
    return { variable: 'REDIS_URL', what, cause };
  }
  const scheme = url.startsWith('rediss:') ? 'redis' : 'rediss';
  const fix = `${cause.fix ?? 'check the address'}, and whether it should be ${scheme}://`;
  return { variable: 'REDIS_URL', what, cause: { ...cause, fix } };
}

/** A fix in the options of a PostgreSQL URL. */
function fixInUrl(code: string): { fix?: string } {
  if (/^(ENOENT|EISDIR|EACCES|ERR_OSSL|NOT_REGULAR_FILE|FILE_TOO_LARGE)/.test(code)) {
    return { fix: 'check the socket, and the files of sslrootcert, sslcert and sslkey in the URL' };
  }
  if (/SELF_SIGNED|VERIFY_LEAF|ISSUER_CERT/.test(code)) {
    return { fix: 'name the certificate of its authority by sslrootcert in the URL' };
  }
  return {};
}

export function toProblem({ variable, what, cause }: Failure): ConfigProblem {
  return { variable, message: `${what}; ${describeCause(cause)}` };
}

/** The host and port of a URL, without credentials and path. */
export function addressOf(url: string, defaultPort: string): string {
  const { hostname = '', port = '' } = URL.parse(url) ?? {};
  return [hostname || 'localhost', port || defaultPort].filter(Boolean).join(':');
}

/** The Unix socket path in a PostgreSQL URL. */
function socketOf(url: string): string | undefined {
  const { hostname = '', searchParams } = URL.parse(url) ?? {};
  const host = searchParams?.get('host') ?? decodeURIComponent(hostname);
  return host.startsWith('/') ? host : undefined;
}
