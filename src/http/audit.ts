import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../errors.ts';
import { clientAddress } from './address.ts';

/** What is known of one request for a token when it ends. Holds no credential and no token. */
export type Decision = {
  event: 'video_token';
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
export type DecisionNotes = Partial<Omit<Decision, 'event' | 'outcome' | 'code'>> & {
  code?: ErrorCode;
};

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

/** The client's address, read once: proxies make it work, and a socket that is gone has none. */
export function addressOf(request: FastifyRequest): string {
  const notes = notesOf(request);
  notes.ip ??= clientAddress(request);
  return notes.ip;
}

/** The notes, closed. */
export function closeDecision(request: FastifyRequest, reply: FastifyReply): Decision {
  const ip = addressOf(request);
  const { code, ...notes } = notesOf(request);
  return {
    event: 'video_token',
    requestId: request.id,
    ...outcomeOf(code, reply),
    ...notes,
    ip,
    durationMs: Math.round(reply.elapsedTime * 1000) / 1000,
  };
}

function outcomeOf(code: ErrorCode | undefined, reply: FastifyReply) {
  if (code !== undefined)
    return { outcome: reply.statusCode < 500 ? 'denied' : 'failed', code } as const;
  if (!reply.raw.writableFinished) return { outcome: 'failed', code: 'aborted' } as const;
  return { outcome: 'issued', code: 'issued' } as const;
}
