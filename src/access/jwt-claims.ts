import { z } from 'zod';
import type { Reason } from '../errors.ts';
import { roomIdSchema, unixSecondsSchema, videoIdSchema } from '../identifiers.ts';
import type { AccessDirectory, AccessFacts } from './access.ts';

const ANY_VIDEO = '*';

const videoAccessSchema = z.array(
  z.object({
    room: roomIdSchema,
    videos: z.array(videoIdSchema),
    /** Unix seconds; the grant ends at this time. */
    notAfter: unixSecondsSchema.optional(),
  }),
);

/**
 * The facts from the credential's claim `video_access`:
 * `[{ "room": "r", "videos": ["v", "*"], "notAfter"? }]`. A malformed claim grants nothing.
 */
export const claimsDirectory: AccessDirectory = {
  facts({ roomId, videoId, videoAccess }): AccessFacts {
    const { data: grants = [], error } = videoAccessSchema.safeParse(videoAccess);
    const inRoom = grants.filter(({ room }) => room === roomId);
    const matching = inRoom.filter(
      ({ videos }) => videos.includes(videoId) || videos.includes(ANY_VIDEO),
    );
    const ends = matching.map(({ notAfter }) => notAfter ?? Number.POSITIVE_INFINITY);
    const end = Math.max(...ends);
    return {
      user: { status: 'active' },
      room: { status: 'open', hasMember: inRoom.length > 0, hasVideo: matching.length > 0 },
      video: {
        status: 'available',
        availableFrom: null,
        availableUntil: Number.isFinite(end) ? end : null,
        regions: null,
      },
      ...(error && { reason: toReason(error, videoAccess) }),
    };
  },
};

/** Reports where the claim is invalid, without quoting its values. */
function toReason(error: z.ZodError, videoAccess: unknown): Reason {
  const [issue] = error.issues;
  const place = ['video_access', ...(issue?.path ?? [])].join('.');
  return {
    code: 'claim_video_access',
    expected: 'a list of { room, videos, notAfter? }',
    received: videoAccess === undefined ? 'missing' : `${place}: ${issue?.message}`.slice(0, 200),
  };
}
