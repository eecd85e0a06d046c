import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Author } from '../directory/store.ts';
import { ServiceError } from '../errors.ts';
import type { Counter } from '../http/rate-limit.ts';
import { readBearer } from '../http/request.ts';
import { type AddressOf, requireHost, requireSameOrigin } from './browser.ts';
import {
  type AdminKey,
  hasSessionCookie,
  type Session,
  type Sessions,
  sessionCookie,
} from './sessions.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The role that a key needs; without it, `read` for GET and HEAD and `write` for the others. */
    keyRole?: AdminKey['role'];
  }
}

/** Who sent a request: a key, by itself or by the session of a browser. */
export type Visitor = Pick<Session, 'key'> & Partial<Session>;

export type KeyOptions = {
  keys(): readonly AdminKey[];
  sessions: Sessions;
  addressOf: AddressOf;
  /** ADMIN_HOSTS: names of this listener, in lower case. */
  hosts: readonly string[];
  /** Unix seconds. */
  now(): number;
};

const visitors = new WeakMap<FastifyRequest, Visitor>();

const MIN_KEY_LENGTH = 32;
const FAILURES_PER_MINUTE = 10;
const MINUTE_MS = 60_000;
const SAFE_METHODS = ['GET', 'HEAD'];

/**
 * A hook that refuses requests without a key or a session, and those of a key whose role is too small. A right key
 * is accepted however many wrong ones came before.
 */
export function requireKey(options: KeyOptions, failures: Counter) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const visitor = isByCookie(request)
      ? byCookie(request, options)
      : await byKey(request, options, failures);
    visitors.set(request, visitor);
    // Names of people; a browser keeps what it is not told to forget.
    reply.header('cache-control', 'no-store');
    if (roleFor(request) === 'write') requireWrite(request);
  };
}

/** @throws {ServiceError} `read_only_key` */
export function requireWrite(request: FastifyRequest): void {
  if (visitorOf(request).key.role !== 'write') throw new ServiceError('read_only_key');
}

/** Only browsers have cookies; a key in the header needs none of their checks. */
function isByCookie({ headers }: FastifyRequest): boolean {
  return headers.authorization === undefined && hasSessionCookie(headers.cookie);
}

function byCookie(request: FastifyRequest, options: KeyOptions): Visitor {
  const address = options.addressOf(request);
  requireHost(address, options.hosts);
  if (!SAFE_METHODS.includes(request.method)) requireSameOrigin(request, false);
  const value = sessionCookie(request.headers.cookie, address.port) ?? '';
  const session = options.sessions.find(value, options.keys(), options.now());
  if (!session) throw new ServiceError('credential_expired');
  return session;
}

async function byKey(
  { headers }: FastifyRequest,
  { keys }: KeyOptions,
  failures: Counter,
): Promise<Visitor> {
  const key = findKey(keys(), readBearer(headers.authorization));
  if (!key) throw await refusal(failures);
  return { key };
}

/** Compares with every key, so that the time says nothing of which one it is. */
function findKey(keys: readonly AdminKey[], presented: string): AdminKey | undefined {
  const digest = hash('sha256', presented, 'buffer');
  const [found] = keys.filter(({ keyHash }) =>
    timingSafeEqual(digest, Buffer.from(keyHash, 'hex')),
  );
  return presented.length < MIN_KEY_LENGTH ? undefined : found;
}

async function refusal(failures: Counter): Promise<ServiceError> {
  const { count, ttlMs } = await failures.increment('admin key', MINUTE_MS);
  if (count <= FAILURES_PER_MINUTE) return new ServiceError('credential_invalid');
  return new ServiceError('rate_limited', { retryAfter: Math.max(1, Math.ceil(ttlMs / 1000)) });
}

function roleFor({ method, routeOptions }: FastifyRequest): AdminKey['role'] {
  const { keyRole = SAFE_METHODS.includes(method) ? 'read' : 'write' } = routeOptions.config;
  return keyRole;
}

/** Who sent a request that {@link requireKey} let through. */
export function visitorOf(request: FastifyRequest): Visitor {
  return visitors.get(request) as Visitor;
}

/** Whether the key of a long answer is still there, and its session has not ended. */
export function isStillValid({ key, expiresAt }: Visitor, { keys, now }: KeyOptions): boolean {
  const isThere = keys().some(({ name, keyHash }) => name === key.name && keyHash === key.keyHash);
  return isThere && (expiresAt === undefined || now() < expiresAt);
}

/** Who makes the changes of a request. */
export function authorOf(request: FastifyRequest): Author {
  return { actor: visitorOf(request).key.name, requestId: request.id };
}
