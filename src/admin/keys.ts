import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Author } from '../directory/store.ts';
import { ServiceError } from '../errors.ts';
import type { Counter } from '../http/rate-limit.ts';
import { readBearer } from '../http/request.ts';

/** A key, of which only the SHA-256 is known, in hexadecimal digits. */
export type AdminKey = { name: string; keyHash: string; role: 'read' | 'write' };

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The role that a key needs; without it, `read` for GET and HEAD and `write` for the others. */
    keyRole?: AdminKey['role'];
  }
}

/** The key of a request to the directory API; a name, never the key itself. */
type NamedKey = Pick<AdminKey, 'name' | 'role'>;

const keyOf = new WeakMap<FastifyRequest, NamedKey>();

const MIN_KEY_LENGTH = 32;
const FAILURES_PER_MINUTE = 10;
const MINUTE_MS = 60_000;

/**
 * A hook that refuses requests without a key, and those of a key whose role is too small. A right key is taken
 * however many wrong ones came before.
 */
export function requireKey(keys: () => readonly AdminKey[], failures: Counter) {
  return async (request: FastifyRequest): Promise<void> => {
    const key = findKey(keys(), readBearer(request.headers.authorization));
    if (!key) throw await refusal(failures);
    keyOf.set(request, key);
    if (roleFor(request) === 'write' && key.role !== 'write') {
      throw new ServiceError('read_only_key');
    }
  };
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
  const { keyRole = ['GET', 'HEAD'].includes(method) ? 'read' : 'write' } = routeOptions.config;
  return keyRole;
}

/** Who makes the changes of a request that {@link requireKey} let through. */
export function authorOf(request: FastifyRequest): Author {
  return { actor: keyOf.get(request)?.name ?? '', requestId: request.id };
}
