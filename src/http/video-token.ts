import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AccessService } from '../access/access.ts';
import { roomIdSchema, userIdSchema, videoIdSchema } from '../identifiers.ts';
import { encodeVideoPayload } from '../token/payload.ts';
import {
  type RequestLimits,
  type TokenKind,
  type TokenRouteOptions,
  tokenRoute,
} from './token-route.ts';

export type VideoTokenOptions = TokenRouteOptions & Pick<AccessService, 'check'>;

const bodySchema = z
  .object({
    roomId: roomIdSchema.meta({
      description:
        "The room that the user is logged in to. ZEGO accepts at most 127 ASCII letters, digits and ~!@#$%^&*()_+=-`;',.<>\\; with ZEGO_ID_RULE=off, at most 128 bytes of UTF-8, valid Unicode, no control characters.",
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

/** `POST /video-token`: issues a token for the signed-in user, a room and a video. */
export function videoTokenRoute(
  options: VideoTokenOptions,
  limits: RequestLimits,
): FastifyPluginAsyncZod {
  const kind = {
    path: '/video-token',
    event: 'video_token',
    operationId: 'createVideoToken',
    tag: 'Video token',
    summary: 'A token with which the signed-in user can load one video in one room',
    body: bodySchema,
    fields: Object.keys(bodySchema.shape),
    reply: issuedResponse,
    auditFields: ({ roomId, videoId }) => ({ roomId, videoId }),
    decide: ({ roomId, videoId }, requester, now) =>
      options.check({ ...requester, roomId, videoId }, now),
    payload: encodeVideoPayload,
    tooShort: 'video_ended',
  } satisfies TokenKind<z.output<typeof bodySchema>>;
  return tokenRoute(kind, options, limits);
}
