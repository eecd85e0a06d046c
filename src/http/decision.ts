import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../errors.ts';
import { clientAddress } from './address.ts';

/** What is known of one request for a token when it ends. Holds no credential and no token. */
export type Decision = {
  requestId: string;
  outcome: 'issued' | 'denied' | 'failed';
  /** `aborted`: the client hung up before the answer. */
  code: ErrorCode | 'issued' | 'aborted';
  /** Why a credential or a dependency failed, as its library names it. */
  reason?: string;
  userId?: string;
  issuer?: string | undefined;
  roomId?: string;
  videoId?: string;
  country?: string | undefined;
  /** Unix seconds. */
  expireAt?: number;
  ip: string;
  durationMs: number;
};

/** What the parts of the route note on the way. */
export type DecisionNotes = Partial<Omit<Decision, 'outcome' | 'code'>> & { code?: ErrorCode };

declare module 'fastify' {
  interface FastifyRequest {
    decision: DecisionNotes | null;
  }
}

/** The notes on a request, for whoever learns something about it. */
export function notesOf(request: FastifyRequest): DecisionNotes {
  request.decision ??= {};
  return request.decision;
}

/** The notes, closed. */
export function closeDecision(request: FastifyRequest, reply: FastifyReply): Decision {
  const { code, ...notes } = notesOf(request);
  const durationMs = Math.round(reply.elapsedTime * 1000) / 1000;
  return {
    requestId: request.id,
    ...outcomeOf(code, reply),
    ...notes,
    // A socket that is gone has no address any more.
    ip: notes.ip ?? clientAddress(request),
    durationMs,
  };
}

function outcomeOf(code: ErrorCode | undefined, reply: FastifyReply) {
  if (code !== undefined)
    return { outcome: reply.statusCode < 500 ? 'denied' : 'failed', code } as const;
  if (!reply.raw.writableFinished) return { outcome: 'failed', code: 'aborted' } as const;
  return { outcome: 'issued', code: 'issued' } as const;
}
