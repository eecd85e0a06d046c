import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import type { AccessDecision, AccessRequest, EntryDecision } from '../access/access.ts';
import type { Credential } from '../auth/claims.ts';
import type { Verifier } from '../auth/verifier.ts';
import { ERROR_CODES, type ErrorCode, invalidRequest, ServiceError } from '../errors.ts';
import { ZEGO_RULES, zegoRefusal } from '../identifiers.ts';
import { nearMiss } from '../messages/nearest.ts';
import { printable } from '../messages/printable.ts';
import { MIN_LIFETIME_SECONDS, tokenLifetime } from '../token/lifetime.ts';
import type { Generate } from '../token04/index.ts';
import type { Admission } from './admission.ts';
import { type AuditEvent, auditContext, auditHooks } from './audit.ts';
import type { CountryOf } from './client.ts';
import { problemResponses } from './problems/schema.ts';
import type { RateLimits } from './rate-limit.ts';
import { readBearer, requireJson } from './request.ts';

/** How many fields are compared: no app sends so many, and comparing takes time. */
const MAX_COMPARED = 64;

/** The body fields that all kinds of tokens share. */
type CommonBody = { userId?: string | undefined; roomId?: string };

/** The authenticated user and their country. */
type Requester = Omit<AccessRequest, 'roomId' | 'videoId'> & { basicToken?: unknown };

/** The properties of one kind of token. */
export type TokenKind<Body extends CommonBody> = {
  /** `/video-token` */
  path: string;
  /** The `event` field in the audit log. */
  event: AuditEvent['event'];
  operationId: string;
  tag: string;
  summary: string;
  body: z.ZodType<Body>;
  /** The fields of the body. Others are ignored, but not those that resemble one of these. */
  fields: readonly string[];
  /** The response: `token`, `expireAt`, and `userId` if it differs from the credential. */
  reply: { description: string; content: { 'application/json': { schema: z.ZodType } } };
  /** The audit log fields of a body. */
  auditFields(body: Body): Pick<AuditEvent, 'roomId' | 'videoId' | 'publish'>;
  /** @throws {ServiceError} `dependency_unavailable` when there is no decision. `now` is Unix seconds. */
  decide(body: Body, requester: Requester, now: number): Promise<AccessDecision | EntryDecision>;
  /** The payload of the token. */
  payload(body: Body): string;
  /** The code when the decision leaves too little time for a token. */
  tooShort: ErrorCode;
  /** The response names it, and the user id. */
  appId?: number;
};

/** Dependencies and settings of a token route. */
export type TokenRouteOptions = {
  verify: Verifier['verify'];
  generate: Generate;
  countryOf: CountryOf;
  ttlSeconds: number;
  outlivesSession: boolean;
  /** User ids are hashed; the reply includes the hashed id. */
  repliesUserId: boolean;
  /** Refuse room ids that ZEGO refuses. */
  strictIds: boolean;
  /** Unix seconds. */
  now(): number;
  onAuditEvent(event: AuditEvent): void;
};

/** The admission and rate limits of a token route. */
export type RequestLimits = Pick<Admission, 'enter'> & RateLimits;

declare module 'fastify' {
  interface FastifyRequest {
    /** Set after authentication. */
    credential: Credential | null;
  }
}

/** The route that issues one kind of token to the signed-in user. */
export function tokenRoute<Body extends CommonBody>(
  kind: TokenKind<Body>,
  options: TokenRouteOptions,
  { enter, byAddress, byUser }: RequestLimits,
): FastifyPluginAsyncZod {
  const { verify, now } = options;
  const audit = auditHooks(kind.event, options.onAuditEvent);

  const authenticate: onRequestHookHandler = (request, _reply, done) => {
    const signIn = (credential: Credential) => {
      request.credential = credential;
      const { userId, issuer } = credential;
      Object.assign(auditContext(request), {
        userId,
        issuer: issuer === undefined ? undefined : printable(issuer),
      });
      done();
    };
    const verified = verify(readBearer(request.headers.authorization), now());
    if (verified instanceof Promise) verified.then(signIn, done);
    else signIn(verified);
  };

  return async (app) => {
    app.route({
      method: 'POST',
      url: kind.path,
      schema: {
        operationId: kind.operationId,
        tags: [kind.tag],
        summary: kind.summary,
        body: kind.body,
        response: { 200: kind.reply, ...problemResponses(codesOf(kind)) },
      },
      // The order matters. audit.onRequest comes first, so that refusals at any step are audited.
      onRequest: [audit.onRequest, enter, byAddress, authenticate, byUser],
      preParsing: requireJson,
      preValidation: (request, _reply, done) => done(nearMissRefusal(request.body, kind.fields)),
      handler: (request, reply) => {
        reply.header('cache-control', 'no-store');
        return issue(kind, options, request, request.body as Body);
      },
      onResponse: audit.onResponse,
    });
  };
}

/** The codes of room tokens alone. */
export const ENTRY_CODES: readonly ErrorCode[] = ['publish_not_allowed'];
/** The codes of video tokens alone. */
export const VIDEO_CODES: readonly ErrorCode[] = [
  'video_not_allowed',
  'video_not_started',
  'video_ended',
  'region_not_allowed',
];

/** The codes of all routes but those of other kinds of tokens. */
function codesOf({ appId }: { appId?: number }): ErrorCode[] {
  const others = appId === undefined ? ENTRY_CODES : VIDEO_CODES;
  return ERROR_CODES.filter((code) => !others.includes(code));
}

async function issue<Body extends CommonBody>(
  kind: TokenKind<Body>,
  options: TokenRouteOptions,
  request: FastifyRequest,
  body: Body,
) {
  const credential = request.credential as Credential;
  const { userId, subject, issuer, videoAccess, basicToken } = credential;
  const country = options.countryOf(request);
  const context = Object.assign(auditContext(request), kind.auditFields(body), { country });
  if (body.userId !== undefined && body.userId !== userId) {
    throw new ServiceError('subject_mismatch');
  }
  if (options.strictIds && body.roomId !== undefined) refuseRoomId(body.roomId);
  const now = options.now();
  const requestId = request.id;
  const requester = { userId, subject, issuer, videoAccess, basicToken, country, requestId };
  const decision = await kind.decide(body, requester, now);
  if (decision.reason) {
    const { code: reason, ...compared } = decision.reason;
    Object.assign(context, { reason, ...compared });
  }
  const expireAt = expiryOf(options, decision, credential, kind.tooShort, now);
  const token = options.generate({
    userId,
    payload: kind.payload(body),
    createdAt: now,
    expireAt,
  });
  context.expireAt = expireAt;
  if (kind.appId !== undefined) return { token, expireAt, userId, appId: kind.appId };
  return { token, expireAt, ...(options.repliesUserId && { userId }) };
}

/**
 * Refuses `roomID`, `user_id` and the like: a `userID` of somebody else would be ignored, and the user of the credential
 * taken in silence.
 */
function nearMissRefusal(body: unknown, fields: readonly string[]): ServiceError | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  for (const name of Object.keys(body).slice(0, MAX_COMPARED)) {
    if (fields.includes(name)) continue;
    const meant = nearMiss(name, fields);
    const message = `is not known; did you mean ${meant}?`;
    if (meant)
      return invalidRequest(message, `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`);
  }
  return undefined;
}

/** Users cannot log in to a room with an invalid id; ZEGO's SDK would only show an error number. */
function refuseRoomId(roomId: string): void {
  const refusal = zegoRefusal(roomId, ZEGO_RULES.room);
  if (!refusal) return;
  const { expected, received, zegoError } = refusal;
  throw invalidRequest(
    `ZEGO accepts ${expected}; got ${received} (ZEGO error ${zegoError})`,
    '/roomId',
  );
}

/** @throws {ServiceError} when access is denied, or when the token's lifetime would be too short */
function expiryOf(
  { ttlSeconds, outlivesSession }: TokenRouteOptions,
  decision: AccessDecision | EntryDecision,
  credential: Credential,
  tooShort: ErrorCode,
  now: number,
): number {
  if (!decision.allow) {
    const { code, reason } = decision;
    const availableFrom = 'availableFrom' in decision ? decision.availableFrom : undefined;
    throw new ServiceError(code, {
      ...(availableFrom !== undefined && { availableFrom }),
      ...(reason && { reason }),
    });
  }
  const sessionEndsAt = outlivesSession ? undefined : credential.expiresAt;
  const lifetime = tokenLifetime({ now, ttlSeconds, notAfter: decision.notAfter, sessionEndsAt });
  if ('code' in lifetime) {
    if (lifetime.code !== 'video_ended' || tooShort === 'video_ended') {
      throw new ServiceError(lifetime.code);
    }
    // The code alone would say that the user may not enter at all.
    const received = `${Number(decision.notAfter) - now} s`;
    throw new ServiceError(tooShort, {
      reason: { code: 'ends_too_soon', expected: `at least ${MIN_LIFETIME_SECONDS} s`, received },
    });
  }
  return lifetime.expireAt;
}
