import type {
  FastifyReply,
  FastifyRequest,
  onRequestHookHandler,
  onResponseHookHandler,
} from 'fastify';
import type { ErrorCode } from '../errors.ts';
import { clientAddress } from './client.ts';

/** The audit log entry of one token request. Contains no credential and no token. */
export type AuditEvent = {
  event: 'video_token' | 'room_token' | 'basic_token';
  requestId: string;
  outcome: 'issued' | 'denied' | 'failed';
  /** `aborted`: the client disconnected before it was answered or refused. */
  code: ErrorCode | 'issued' | 'aborted';
  /** Why a credential or a dependency failed. */
  reason?: string;
  /** With `reason`: the value that the configuration requires. */
  expected?: string;
  /** With `reason`: the received value; for personal data only its type or length. */
  received?: string;
  userId?: string;
  issuer?: string | undefined;
  roomId?: string;
  videoId?: string;
  /** A token with which streams can be sent was asked for. */
  publish?: boolean;
  country?: string | undefined;
  /** Unix seconds; set once a token is made, even if the client leaves before it is delivered. */
  expireAt?: number;
  ip: string;
  durationMs: number;
};

/** The audit fields collected while a request is handled. */
export type AuditContext = Partial<Omit<AuditEvent, 'event' | 'outcome' | 'code'>> & {
  code?: ErrorCode;
};

declare module 'fastify' {
  interface FastifyRequest {
    audit: AuditContext | null;
  }
}

/** The audit context of a request. */
export function auditContext(request: FastifyRequest): AuditContext {
  request.audit ??= {};
  return request.audit;
}

/** The client's address. Cached, because parsing proxy headers is slow and a closed socket has no address. */
export function addressOf(request: FastifyRequest): string {
  const context = auditContext(request);
  context.ip ??= clientAddress(request);
  return context.ip;
}

/**
 * Route hooks that emit one event for each request: after the response, or when the client disconnects.
 */
export function auditHooks(
  event: AuditEvent['event'],
  onEvent: (event: AuditEvent) => void,
): { onRequest: onRequestHookHandler; onResponse: onResponseHookHandler } {
  const audit = (request: FastifyRequest, reply: FastifyReply) =>
    onEvent(toAuditEvent(event, request, reply));
  return {
    onRequest(request, reply, done) {
      addressOf(request);
      // Fastify does not call onResponse when the client disconnects before the response.
      reply.raw.once('close', () => {
        if (!reply.raw.writableFinished) audit(request, reply);
      });
      done();
    },
    onResponse(request, reply, done) {
      audit(request, reply);
      done();
    },
  };
}

/** The audit event of a request that has ended. */
export function toAuditEvent(
  event: AuditEvent['event'],
  request: FastifyRequest,
  reply: FastifyReply,
): AuditEvent {
  const ip = addressOf(request);
  const { code, ...context } = auditContext(request);
  return {
    event,
    requestId: request.id,
    ...outcomeOf(code, reply),
    ...context,
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
