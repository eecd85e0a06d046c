import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AccessService } from '../access/access.ts';
import { ServiceError } from '../errors.ts';
import { plainText, roomIdSchema, userIdSchema, zimRefusal } from '../identifiers.ts';
import { plainIssues } from '../messages/issues.ts';
import { BASIC_PAYLOAD, encodeRoomPayload } from '../token/payload.ts';
import {
  type RequestLimits,
  type TokenKind,
  type TokenRouteOptions,
  tokenRoute,
} from './token-route.ts';

export type EntryTokenOptions = TokenRouteOptions &
  Pick<AccessService, 'checkEntry'> & { appId: number };

const MAX_STREAMS = 100;

function strictBody<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, { error: plainIssues(Object.keys(shape)) });
}

const userId = userIdSchema.optional().meta({
  description:
    'The user of the credential: at most 64 bytes of UTF-8, valid Unicode, no control characters. Taken from there when left out.',
});

const roomBodySchema = strictBody({
  roomId: roomIdSchema.meta({
    description:
      "The room to log in to. ZEGO accepts at most 127 ASCII letters, digits and ~!@#$%^&*()_+=-`;',.<>\\; with ZEGO_ID_RULE=off, at most 128 bytes of UTF-8, valid Unicode, no control characters.",
  }),
  publish: z.boolean().optional().meta({
    description: 'True for a token with which the user may send streams; false by default.',
  }),
  streamIds: z.array(plainText().min(1).max(256)).min(1).max(MAX_STREAMS).optional().meta({
    description:
      'The only streams that may be sent; any when left out. Needs publish. An empty list would mean any to ZEGO, and is refused.',
  }),
  userId,
})
  .refine(({ publish, streamIds }) => streamIds === undefined || publish === true, {
    path: ['streamIds'],
    message: 'needs publish: true',
  })
  .meta({ id: 'RoomTokenRequest' });

const basicBodySchema = strictBody({ userId }).meta({ id: 'BasicTokenRequest' });

/** The response of both routes: everything that an SDK's login takes. */
function replyOf(id: string, use: string) {
  const schema = z
    .object({
      token: z.string().meta({ description: use, maxLength: 8192 }),
      expireAt: z
        .int()
        .meta({ description: 'Unix seconds; equal to the expiry inside the token.' }),
      userId: z.string().meta({
        maxLength: 64,
        description: 'The id that the client must log in to ZEGO with.',
      }),
      appId: z
        .int()
        .meta({ description: "The AppID that the token is for; the client's must be it." }),
    })
    .meta({ id });
  return {
    description: 'The user may log in until expireAt.',
    content: { 'application/json': { schema } },
  };
}

/** `POST /room-token`: issues a token with which the signed-in user logs in to one room. */
export function roomTokenRoute(
  { checkEntry, appId, ...options }: EntryTokenOptions,
  limits: RequestLimits,
): FastifyPluginAsyncZod {
  const kind = {
    path: '/room-token',
    event: 'room_token',
    operationId: 'createRoomToken',
    tag: 'Room and basic tokens',
    summary:
      'A token with which the signed-in user logs in to one room, and may publish if allowed',
    body: roomBodySchema,
    fields: Object.keys(roomBodySchema.shape),
    reply: replyOf('RoomToken', 'The ZEGO token for loginRoom.'),
    auditFields: ({ roomId, publish }) => ({ roomId, ...(publish && { publish }) }),
    decide: ({ roomId, publish = false }, requester, now) =>
      checkEntry({ kind: 'room', ...requester, roomId, publish }, now),
    payload: ({ roomId, publish = false, streamIds = null }) =>
      encodeRoomPayload({ roomId, publish, streamIds }),
    tooShort: 'room_not_allowed',
    appId,
  } satisfies TokenKind<z.output<typeof roomBodySchema>>;
  return tokenRoute(kind, options, limits);
}

/**
 * `POST /basic-token`: issues a token that opens any room, for ZIM and UIKit.
 *
 * @param forZim refuses user ids that ZIM refuses
 */
export function basicTokenRoute(
  { checkEntry, appId, ...options }: EntryTokenOptions,
  forZim: boolean,
  limits: RequestLimits,
): FastifyPluginAsyncZod {
  const kind = {
    path: '/basic-token',
    event: 'basic_token',
    operationId: 'createBasicToken',
    tag: 'Room and basic tokens',
    summary: 'A token with which the signed-in user logs in to ZIM, UIKit, and any room',
    body: basicBodySchema,
    fields: Object.keys(basicBodySchema.shape),
    reply: replyOf('BasicToken', 'The ZEGO token for ZIM, UIKit and the like.'),
    auditFields: () => ({}),
    decide: async (_body, requester, now) => {
      if (forZim) refuseForZim(requester.userId);
      return checkEntry({ kind: 'basic', ...requester }, now);
    },
    payload: () => BASIC_PAYLOAD,
    tooShort: 'user_not_allowed',
    appId,
  } satisfies TokenKind<z.output<typeof basicBodySchema>>;
  return tokenRoute(kind, options, limits);
}

function refuseForZim(userId: string): void {
  const refusal = zimRefusal(userId);
  if (!refusal) return;
  const { expected, received } = refusal;
  throw new ServiceError('user_not_allowed', {
    detail: `ZIM accepts user ids of ${expected}; this one has ${received}. It is the user id of this service that has to change.`,
    reason: { code: 'user_id_refused_by_zim', expected, received },
  });
}
