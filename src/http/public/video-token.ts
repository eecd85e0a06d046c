import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AccessDecision, AccessService } from '../../access/access.ts';
import type { Credential } from '../../auth/claims.ts';
import type { Verifier } from '../../auth/verifier.ts';
import { ERROR_CODES, invalidRequest, ServiceError } from '../../errors.ts';
import {
  roomIdSchema,
  userIdSchema,
  videoIdSchema,
  ZEGO_RULES,
  zegoRefusal,
} from '../../identifiers.ts';
import { tokenLifetime } from '../../token/lifetime.ts';
import { encodeVideoPayload } from '../../token/payload.ts';
import type { Generate } from '../../token04/index.ts';
import type { Admission } from '../admission.ts';
import { type AuditEvent, auditContext, auditHooks } from '../audit.ts';
import type { CountryOf } from '../client.ts';
import { problemResponses } from '../problems/schema.ts';
import type { RateLimits } from '../rate-limit.ts';
import { readBearer, requireJson } from '../request.ts';

/** What the route depends on. */
export type VideoTokenOptions = {
  verify: Verifier['verify'];
  check: AccessService['check'];
  generate: Generate;
  countryOf: CountryOf;
  ttlSeconds: number;
  outlivesSession: boolean;
  /** User ids are others than in the credential: the client is told its own. */
  repliesUserId: boolean;
  /** Refuse room ids that ZEGO refuses. */
  strictIds: boolean;
  /** Unix seconds. */
  now(): number;
  onAuditEvent(event: AuditEvent): void;
};

/** What limits the requests to it. */
export type RequestLimits = Pick<Admission, 'enter'> & RateLimits;

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, once authenticated. */
    credential: Credential | null;
  }
}

/** `POST /video-token`: a token for the signed-in user, a room and a video, or a problem. */
export function videoTokenRoute(
  options: VideoTokenOptions,
  { enter, byAddress, byUser }: RequestLimits,
): FastifyPluginAsyncZod {
  const { verify, now } = options;
  const audit = auditHooks(options.onAuditEvent);

  const authenticate = async (request: FastifyRequest) => {
    const credential = await verify(readBearer(request.headers.authorization), now());
    request.credential = credential;
    const { userId, issuer } = credential;
    Object.assign(auditContext(request), { userId, issuer });
  };

  return async (app) => {
    app.route({
      method: 'POST',
      url: '/video-token',
      schema: {
        operationId: 'createVideoToken',
        tags: ['Video token'],
        summary: 'A token with which the signed-in user can load one video in one room',
        body: bodySchema,
        response: { 200: issuedResponse, ...problemResponses(ERROR_CODES) },
      },
      // The order in which a request is handled. A request that is refused at any step is audited.
      onRequest: [audit.onRequest, enter, byAddress, authenticate, byUser],
      preParsing: requireJson,
      handler: async (request, reply) => {
        reply.header('cache-control', 'no-store');
        return issue(options, request, request.body);
      },
      onResponse: audit.onResponse,
    });
  };
}

const bodySchema = z
  .object({
    roomId: roomIdSchema.meta({
      description:
        "The room that the user is logged in to. ZEGO takes at most 127 ASCII letters, digits and ~!@#$%^&*()_+=-`;',.<>\\; with ZEGO_ID_RULE=off, at most 128 bytes of UTF-8, valid Unicode, no control characters.",
    }),
    videoId: videoIdSchema.meta({
      description:
        'The copyrighted video to load: at most 128 bytes of UTF-8, valid Unicode, no control characters.',
    }),
    userId: userIdSchema.optional().meta({
      description:
        'The user of the credential: at most 64 bytes of UTF-8, valid Unicode, no control characters. Taken from there when left out.',
    }),
  })
  .meta({ id: 'VideoTokenRequest' });

const tokenSchema = z
  .object({
    token: z.string().meta({ description: 'The ZEGO video token, for loadCopyrightedVideo.' }),
    expireAt: z.int().meta({ description: 'Unix seconds; equal to the expiry inside the token.' }),
    userId: z.string().optional().meta({
      maxLength: 64,
      description:
        'The id that the client must log in to ZEGO with, where it is not the one in the credential (AUTH_USER_ID=hash).',
    }),
  })
  .meta({ id: 'VideoToken' });

const issuedResponse = {
  description: 'The user may load the video until expireAt.',
  content: { 'application/json': { schema: tokenSchema } },
};

async function issue(
  options: VideoTokenOptions,
  request: FastifyRequest,
  { roomId, videoId, userId }: z.output<typeof bodySchema>,
) {
  const credential = request.credential as Credential;
  const country = options.countryOf(request);
  const context = Object.assign(auditContext(request), { roomId, videoId, country });
  if (userId !== undefined && userId !== credential.userId) {
    throw new ServiceError('subject_mismatch');
  }
  if (options.strictIds) refuseRoomId(roomId);
  const now = options.now();
  const { subject, issuer, videoAccess } = credential;
  const user = { userId: credential.userId, subject, issuer, videoAccess };
  const asked = { ...user, roomId, videoId, country, requestId: request.id };
  const decision = await options.check(asked, now);
  const expireAt = expiryOf(options, decision, credential, now);
  const payload = encodeVideoPayload({ roomId, videoId });
  const token = options.generate({
    userId: credential.userId,
    payload,
    createdAt: now,
    expireAt,
  });
  context.expireAt = expireAt;
  return { token, expireAt, ...(options.repliesUserId && { userId: credential.userId }) };
}

/** A token for a room that nobody can enter would fail on the phone, with a number alone. */
function refuseRoomId(roomId: string): void {
  const refusal = zegoRefusal(roomId, ZEGO_RULES.room);
  if (!refusal) return;
  const { expected, received, zegoError } = refusal;
  throw invalidRequest(
    `ZEGO takes ${expected}; got ${received} (ZEGO error ${zegoError})`,
    '/roomId',
  );
}

/** @throws {ServiceError} when access is denied, or when too little of the token's life would be left */
function expiryOf(
  { ttlSeconds, outlivesSession }: VideoTokenOptions,
  decision: AccessDecision,
  credential: Credential,
  now: number,
): number {
  if (!decision.allow) {
    const { code, availableFrom, reason } = decision;
    throw new ServiceError(code, {
      ...(availableFrom !== undefined && { availableFrom }),
      ...(reason && { reason }),
    });
  }
  const sessionEndsAt = outlivesSession ? undefined : credential.expiresAt;
  const lifetime = tokenLifetime({ now, ttlSeconds, notAfter: decision.notAfter, sessionEndsAt });
  if ('code' in lifetime) throw new ServiceError(lifetime.code);
  return lifetime.expireAt;
}
