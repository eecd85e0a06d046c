import { z } from 'zod';
import type { Reason } from '../errors.ts';
import { countrySchema, roomIdSchema, unixSecondsSchema, videoIdSchema } from '../identifiers.ts';
import { unknownFields } from '../messages/unknown-fields.ts';
import type { AccessDirectory, AccessFacts, Licence } from './access.ts';

const ANY_VIDEO = '*';

const grantSchema = z.object({
  room: roomIdSchema,
  videos: z.array(videoIdSchema),
  /** Unix seconds; the grant begins at this time. */
  notBefore: unixSecondsSchema.optional(),
  /** Unix seconds; the grant ends at this time. */
  notAfter: unixSecondsSchema.optional(),
  /** The countries of the client; every country when left out. */
  regions: z.array(countrySchema).optional(),
});

const videoAccessSchema = z.array(grantSchema);

const FIELDS = Object.keys(grantSchema.shape);

/**
 * The facts from the credential's claim `video_access`:
 * `[{ "room": "r", "videos": ["v", "*"], "notBefore"?, "notAfter"?, "regions"? }]`. Each entry is a licence. A
 * malformed claim grants nothing; an entry with an unknown field does not count, because the field may limit it.
 */
export const claimsDirectory: AccessDirectory = {
  facts({ roomId, videoId, videoAccess }): AccessFacts {
    const { data = [], error } = videoAccessSchema.safeParse(videoAccess);
    const unknown = data.map((_, index) => unknownFields((videoAccess as object[])[index], FIELDS));
    const grants = data.filter((_, index) => unknown[index] === undefined);
    const inRoom = grants.filter(({ room }) => room === roomId);
    const matching = inRoom.filter(
      ({ videos }) => videos.includes(videoId) || videos.includes(ANY_VIDEO),
    );
    const place = unknown.findIndex(Boolean);
    const problem = error
      ? wrongPlace(error, videoAccess)
      : `video_access.${place}: ${unknown[place]}`;
    return {
      user: { status: 'active' },
      room: { status: 'open', hasMember: inRoom.length > 0, hasVideo: matching.length > 0 },
      video: { status: 'available', licences: matching.map(toLicence) },
      ...((error || place >= 0) && { reason: toReason(problem) }),
    };
  },
};

function toLicence({ notBefore, notAfter, regions }: z.output<typeof grantSchema>): Licence {
  return { from: notBefore ?? null, until: notAfter ?? null, regions: regions ?? null };
}

function toReason(received: string): Reason {
  const expected = 'a list of { room, videos, notBefore?, notAfter?, regions? }';
  return { code: 'claim_video_access', expected, received: received.slice(0, 200) };
}

/** Where the claim is invalid, without quoting its values. */
function wrongPlace(error: z.ZodError, videoAccess: unknown): string {
  if (videoAccess === undefined) return 'missing';
  const [issue] = error.issues;
  return `${['video_access', ...(issue?.path ?? [])].join('.')}: ${issue?.message}`;
}
