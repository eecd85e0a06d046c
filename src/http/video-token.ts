import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AccessDecision, AccessService } from '../access/access.ts';
import { tokenLifetime } from '../access/lifetime.ts';
import type { Credential } from '../auth/credential.ts';
import type { Verifier } from '../auth/verify.ts';
import { ERROR_CODES, ServiceError } from '../errors.ts';
import { roomIdSchema, userIdSchema, videoIdSchema } from '../identifiers.ts';
import type { Generate } from '../token04/index.ts';
import { encodeVideoPayload } from '../video-payload.ts';
import { requireJson } from './body.ts';
import type { CountryOf } from './country.ts';
import { readBearer } from './credential.ts';
import { addressOf, closeDecision, type Decision, notesOf } from './decision.ts';
import { problemResponses } from './problem-schema.ts';
import type { RateLimits } from './rate-limit.ts';

/** What the route is made of; each may be replaced while it serves, so each is asked anew. */
export type VideoTokenParts = {
  verify: Verifier['verify'];
  check: AccessService['check'];
  generate: Generate;
  countryOf: CountryOf;
  ttlSeconds: number;
  outlivesSession: boolean;
  /** Unix seconds. */
  now(): number;
  onDecision(decision: Decision): void;
};

/** Each rejects a request that is one too many. */
type Admission = {
  /** Before anything is known of it but its address. */
  admit(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  byUser: RateLimits['byUser'];
};

const bodySchema = z
  .object({
    roomId: roomIdSchema.meta({
      description:
        'The room that the user is logged in to: at most 128 bytes of UTF-8, valid Unicode, no control characters.',
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
  })
  .meta({ id: 'VideoToken' });

const ISSUED = {
  description: 'The user may load the video until expireAt.',
  content: { 'application/json': { schema: tokenSchema } },
};

type Body = z.output<typeof bodySchema>;

declare module 'fastify' {
  interface FastifyRequest {
    credential: Credential | null;
  }
}

/** `POST /video-token`: from a credential and a room and video to a token, or to a problem. */
export function videoTokenRoute(
  parts: VideoTokenParts,
  { admit, byUser }: Admission,
): FastifyPluginAsyncZod {
  const report = (request: FastifyRequest, reply: FastifyReply) =>
    parts.onDecision(closeDecision(request, reply));

  /** Fastify's onResponse says nothing of a client that hangs up before it has its answer. */
  const reportAbort: onRequestHookHandler = (request, reply, done) => {
    addressOf(request);
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) report(request, reply);
    });
    done();
  };

  const authenticate = async (request: FastifyRequest) => {
    const credential = await parts.verify(readBearer(request.headers.authorization), parts.now());
    request.credential = credential;
    const notes = notesOf(request);
    notes.userId = credential.userId;
    notes.issuer = credential.issuer;
    await byUser(request, credential.userId);
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
        response: { 200: ISSUED, ...problemResponses(ERROR_CODES) },
      },
      config: { admitted: true },
      // Whoever is shed or limited is a decision, too.
      onRequest: [reportAbort, admit, authenticate],
      preParsing: requireJson,
      onResponse(request, reply, done) {
        report(request, reply);
        done();
      },
      handler: async (request, reply) => {
        reply.header('cache-control', 'no-store');
        return issue(parts, request, request.body);
      },
    });
  };
}

async function issue(parts: VideoTokenParts, request: FastifyRequest, body: Body) {
  const credential = request.credential as Credential;
  const { roomId, videoId, userId = credential.userId } = body;
  const country = parts.countryOf(request);
  const notes = Object.assign(notesOf(request), { roomId, videoId, country });
  if (userId !== credential.userId) throw new ServiceError('subject_mismatch');
  const { videoAccess } = credential;
  const now = parts.now();
  const decision = await parts.check(
    { userId, roomId, videoId, country, requestId: request.id, videoAccess },
    now,
  );
  const expireAt = expiry(parts, decision, credential, now);
  const payload = encodeVideoPayload({ roomId, videoId });
  const token = parts.generate({ userId, payload, createdAt: now, expireAt });
  notes.expireAt = expireAt;
  return { token, expireAt };
}

function expiry(
  { ttlSeconds, outlivesSession }: VideoTokenParts,
  decision: AccessDecision,
  credential: Credential,
  now: number,
): number {
  if (!decision.allow) {
    const { code, availableFrom } = decision;
    throw new ServiceError(code, availableFrom === undefined ? {} : { availableFrom });
  }
  const sessionEndsAt = outlivesSession ? undefined : credential.expiresAt;
  const lifetime = tokenLifetime({ now, ttlSeconds, notAfter: decision.notAfter, sessionEndsAt });
  if ('code' in lifetime) throw new ServiceError(lifetime.code);
  return lifetime.expireAt;
}
