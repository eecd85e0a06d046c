import type { FastifyReply, FastifyRequest } from 'fastify';
import { ServiceError } from '../errors.ts';

/** Each holds about 10 kB, so this is 40 MB. */
const MAX_OPEN_REQUESTS = 4_096;

/** A larger batch would delay new connections and health probes. */
const MAX_BATCH = 64;

declare module 'fastify' {
  interface FastifyRequest {
    /** Counted by the admission, from `enter` until it is answered or its connection closes. */
    isAdmitted: boolean;
  }
}

/** Lets requests in, as many as the process can hold, in batches. */
export type Admission = {
  /** @throws {ServiceError} `overloaded`, or `dependency_unavailable` while the audit log is blocked */
  enter(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** The request has its answer, whether or not the client reads it. */
  leave(request: FastifyRequest): void;
  /** Requests that have entered and not left. */
  openRequests(): number;
};

/**
 * @param overloaded whether the event loop is so late that answers would come too late
 * @param maxOpen how many requests may wait for their decision at the same time
 * @param auditBlocked whether the audit log takes no lines: no token is issued without one
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
      // Its `close` has been emitted already: nothing would end the count.
      if (reply.raw.destroyed) return;
      open++;
      request.isAdmitted = true;
      // Fastify waits for ever for the body of a request that was aborted before it was asked for.
      reply.raw.once('close', () => leave(request));
      await nextBatch();
    },
    leave,
    openRequests: () => open,
  };
}

/** Resolves when everything that has arrived in this event-loop iteration has been read. */
export type NextBatch = () => Promise<void>;

/**
 * All requests of one event-loop iteration finish a step before any of them begins the next, so that the second finds
 * the step's code and data in the processor's caches (Larus and Parkes, USENIX ATC 2002). Under load this halves the
 * cost of a request; one that is alone waits for the end of the poll phase.
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
