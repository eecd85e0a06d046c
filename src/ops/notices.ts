import type { Logger } from 'pino';
import type { AccessService } from '../access/access.ts';
import type { AccessConfig, Config } from '../config/config.ts';
import { accessFailure, addressOf, type Failure } from '../config/failures.ts';
import { isSafeUrl } from '../config/identity/provider-keys.ts';
import type { Database } from '../directory/database.ts';
import type { FileChange } from '../directory/sqlite/open.ts';
import { causeOf, describeCause } from '../messages/causes.ts';
import { CLOCK_FIX, isClockRight } from '../time.ts';

/** Log fields for an error of a dependency. */
export function reasonOf(error: unknown): { reason: string; problem: string } {
  const cause = causeOf(error);
  return { reason: cause.code, problem: describeCause(cause) };
}

/** Log fields for a failed operation. */
export function fieldsOf({ variable, what, cause }: Failure) {
  return { variable, reason: cause.code, problem: `${what}; ${describeCause(cause)}` };
}

/** Warns of an empty directory, usually caused by a wrong path. */
export async function warnOfEmptyDirectory(
  access: AccessConfig,
  database: Database | undefined,
  isNew: boolean,
  logger: Logger,
): Promise<void> {
  if (!database) return;
  const path = access.mode === 'sqlite' ? { path: access.path } : {};
  if (isNew) {
    logger.warn(path, 'database created; import a directory, or correct ACCESS_SQLITE_PATH');
    return;
  }
  const rooms = await database.query('SELECT 1 FROM rooms LIMIT 1');
  if (rooms.length === 0) {
    logger.warn(path, 'directory has no room; every request is refused until one is imported');
  }
}

/** Warns if the backend check at startup fails. */
export async function warnOfFailingBackend(
  config: AccessConfig,
  { probe }: Pick<AccessService, 'probe'>,
  logger: Logger,
): Promise<void> {
  await probe?.().catch((error) => {
    logger.warn(fieldsOf(accessFailure(config, error)), 'backend check failed');
  });
}

/** The number of distinct texts that {@link createFieldLog} logs. */
const MAX_FIELD_LINES = 100;

/** Warns of unknown fields in denials of the backend, once for each. */
export function createFieldLog(logger: Logger): (received: string) => void {
  const logged = new Set<string>();
  return (received) => {
    if (logged.has(received) || logged.size >= MAX_FIELD_LINES) return;
    logged.add(received);
    logger.warn({ received }, 'backend denial has an unknown field');
  };
}

type JwksFetched = (issuer: string, result: 'ok' | 'error', error?: unknown, url?: string) => void;

/** Logs when fetching the keys of an issuer fails and recovers; forwards each event to `next`. */
export function createJwksLog(logger: Logger, next: JwksFetched): JwksFetched {
  const failing = new Set<string>();
  return (issuer, result, error, url = issuer) => {
    next(issuer, result);
    if (result === 'error' && !failing.has(issuer)) {
      failing.add(issuer);
      const address = addressOf(url, '');
      logger.warn({ issuer, address, ...reasonOf(error) }, 'jwks fetch failed');
    }
    if (result === 'ok' && failing.delete(issuer)) logger.info({ issuer }, 'jwks fetched again');
  };
}

/** Logs entries of a key set that cannot be used, whenever the set has changed. */
export function createKeysSkippedLog(logger: Logger) {
  return (issuer: string, skipped: readonly string[]): void => {
    const shown = { issuer, count: skipped.length, skipped: skipped.slice(0, 10) };
    logger.warn(shown, 'jwks entries skipped');
  };
}

/** Logs when our clock starts to differ from an issuer's clock. */
export function createClockLog(logger: Logger): (issuer: string, secondsAhead: number) => void {
  const differing = new Set<string>();
  return (issuer, secondsAhead) => {
    if (isClockRight(secondsAhead)) differing.delete(issuer);
    else if (!differing.has(issuer)) {
      differing.add(issuer);
      const fields = { issuer, secondsAhead, fix: CLOCK_FIX };
      logger.warn(fields, 'clock differs from the identity provider');
    }
  };
}

const NAME_EVERY_MS = 60_000;

/** What a load balancer is configured to send, and what to change. */
const WRONG_PROTOCOLS: Readonly<Record<string, [message: string, fix: string]>> = {
  tls: [
    'TLS on a plain HTTP port',
    'end TLS at the load balancer, and let it speak http:// to this port',
  ],
  proxy_protocol: [
    'PROXY protocol on a plain HTTP port',
    'switch it off at the load balancer (HAProxy: send-proxy), which should send X-Forwarded-For instead',
  ],
};

/** Counts errors of clients; logs a wrong protocol at most once a minute. `clock` is monotonic milliseconds. */
export function createClientErrorLog(
  logger: Logger,
  next: (kind: string) => void,
  clock = () => performance.now(),
): (kind: string) => void {
  const loggedAt = new Map<string, number>();
  return (kind) => {
    next(kind);
    const [message, fix] = WRONG_PROTOCOLS[kind] ?? [];
    const now = clock();
    if (!message || now - (loggedAt.get(kind) ?? Number.NEGATIVE_INFINITY) < NAME_EVERY_MS) return;
    loggedAt.set(kind, now);
    logger.warn({ fix }, message);
  };
}

/** Logs that the SQLite file is gone, or was replaced. */
export function createFileLog(logger: Logger): (change: FileChange) => void {
  return (change) => {
    if (change.state === 'gone') logger.error(reasonOf(change.error), 'database file is gone');
    else logger.warn('database file was replaced, and is open again');
  };
}

const NO_AUDIENCE =
  'whoever gets a JWT of this issuer, for any of its apps, can sign in here; set AUTH_AUDIENCE as soon as its JWTs have an aud';

/** Warns of issuers whose JWTs are accepted for having no audience (AUTH_AUDIENCE=none). */
export function warnOfNoAudience(
  { providers, introspection }: Config['auth'],
  logger: Logger,
): void {
  const all = introspection ? [introspection.rules] : providers;
  for (const { audience, issuers } of all) {
    if (audience !== null) continue;
    const issuer = issuers[0]?.canonical;
    logger.warn({ issuer, fix: NO_AUDIENCE }, 'JWTs are accepted without an audience');
  }
}

/** Warns of keys fetched over plain HTTP (AUTH_ALLOW_HTTP). */
export function warnOfPlainHttp(
  { providers, introspection }: Config['auth'],
  logger: Logger,
): void {
  for (const key of providers.flatMap(({ keys }) => keys)) {
    const url = key.kind === 'jwks' ? key.url : key.kind === 'discovery' ? key.issuer : undefined;
    if (url && !isSafeUrl(url)) {
      logger.warn({ address: addressOf(url, '') }, 'keys are fetched over plain http');
    }
  }
  if (introspection && !isSafeUrl(introspection.url)) {
    const address = addressOf(introspection.url, '');
    logger.warn({ address }, 'tokens are looked up over plain http');
  }
}
