import type { FastifyReply, FastifyRequest } from 'fastify';
import { ServiceError } from '../errors.ts';

/** Each takes about 10 kB, so this is 40 MB. */
const MAX_OPEN_REQUESTS = 4_096;

/** A larger batch would delay new connections and health probes. */
const MAX_BATCH = 64;

declare module 'fastify' {
  interface FastifyRequest {
    /** The request counts as open: from `enter` until the response or the end of the connection. */
    isAdmitted: boolean;
  }
}

/** Limits the open requests and admits them in batches. */
export type Admission = {
  /** @throws {ServiceError} `overloaded`, or `dependency_unavailable` while the audit log is blocked */
  enter(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** Call when the response is ready, even if the client does not read it. */
  leave(request: FastifyRequest): void;
  /** The number of open requests. */
  openRequests(): number;
};

/**
 * @param overloaded whether the event-loop delay is too high
 * @param maxOpen maximum number of open requests
 * @param auditBlocked whether the audit log cannot be written: no token is issued without an audit line
 */
export function createAdmission(
  overloaded: () => boolean,
  maxOpen: number = MAX_OPEN_REQUESTS,
  auditBlocked: () => boolean = () => false,
): Admission {
  const nextBatch = createRequestBatcher();
  let open = 0;
  const leave = (request: FastifyRequest) => {
    if (request.isAdmitted) open--;
    request.isAdmitted = false;
  };
  return {
    async enter(request, reply) {
      if (auditBlocked()) {
        throw new ServiceError('dependency_unavailable', { reason: { code: 'audit_log_blocked' } });
      }
      if (overloaded() || open >= maxOpen) throw new ServiceError('overloaded');
      // `close` has already been emitted, so `leave` would never be called.
      if (reply.raw.destroyed) return;
      open++;
      request.isAdmitted = true;
      // Fastify waits forever for the body of a request that was aborted before its body was read.
      reply.raw.once('close', () => leave(request));
      await nextBatch();
    },
    leave,
    openRequests: () => open,
  };
}

/** Resolves after all requests of this event-loop iteration have been read. */
export type NextBatch = () => Promise<void>;

/**
 * Batches the requests of one event-loop iteration: all finish a step before any starts the next, so that code and
 * data of the step stay in the processor's caches (Larus and Parkes, USENIX ATC 2002). Under load this halves the CPU
 * time of a request; a single request waits for the end of the poll phase.
 */
export function createRequestBatcher(): NextBatch {
  const batches: (PromiseWithResolvers<void> & { size: number })[] = [];
  function release(): void {
    batches.shift()?.resolve();
    if (batches.length > 0) setImmediate(release);
  }
  return () => {
    let batch = batches.at(-1);
    if (!batch || batch.size === MAX_BATCH) {
      batch = { ...Promise.withResolvers<void>(), size: 0 };
      if (batches.push(batch) === 1) setImmediate(release);
    }
    batch.size++;
    return batch.promise;
  };
}
