import { z } from 'zod';
import type { Reason } from '../errors.ts';
import { countrySchema, roomIdSchema, unixSecondsSchema, videoIdSchema } from '../identifiers.ts';
import { unknownFields } from '../messages/unknown-fields.ts';
import type {
  AccessDirectory,
  AccessFacts,
  EntryDecision,
  EntryRequest,
  Licence,
  UnixSeconds,
} from './access.ts';

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
  /** With true, the user may send streams in the room; has no say in videos. */
  publish: z.boolean().optional(),
});

const videoAccessSchema = z.array(grantSchema);

const FIELDS = Object.keys(grantSchema.shape);

/**
 * The facts from the credential's claim `video_access`:
 * `[{ "room": "r", "videos": ["v", "*"], "notBefore"?, "notAfter"?, "regions"?, "publish"? }]`. Each entry is a licence. A
 * malformed claim grants nothing; an entry with an unknown field does not count, because the field may limit it.
 */
export const claimsDirectory: AccessDirectory = {
  facts({ roomId, videoId, videoAccess }): AccessFacts {
    const { grants, ...why } = readGrants(videoAccess);
    const inRoom = grants.filter(({ room }) => room === roomId);
    const matching = inRoom.filter(
      ({ videos }) => videos.includes(videoId) || videos.includes(ANY_VIDEO),
    );
    return {
      user: { status: 'active' },
      room: { status: 'open', hasMember: inRoom.length > 0, hasVideo: matching.length > 0 },
      video: { status: 'available', licences: matching.map(toLicence) },
      ...why,
    };
  },
};

/** The entries that count, and why others do not. */
function readGrants(videoAccess: unknown) {
  const { data = [], error } = videoAccessSchema.safeParse(videoAccess);
  const unknown = data.findIndex((_, index) => !isKnown(videoAccess, index));
  const grants = unknown < 0 ? data : data.filter((_, index) => isKnown(videoAccess, index));
  return {
    grants,
    ...(error && { reason: toReason(wrongPlace(error, videoAccess)) }),
    ...(unknown >= 0 && { reason: toReason(unknownAt(videoAccess, unknown)) }),
  };
}

/** An entry of `video_access` opens its room, and `"basic_token": true` any room. */
export function decideEntryByClaims(request: EntryRequest, now: UnixSeconds): EntryDecision {
  if (request.kind === 'basic') {
    if (request.basicToken === true) return { allow: true };
    const received = request.basicToken === undefined ? 'missing' : typeof request.basicToken;
    const reason = { code: 'claim_basic_token', expected: 'true', received };
    return { allow: false, code: 'user_not_allowed', reason };
  }
  const { grants, ...why } = readGrants(request.videoAccess);
  const holding = grants.filter(
    ({ room, notBefore = 0, notAfter = Infinity }) =>
      room === request.roomId && notBefore <= now && now < notAfter,
  );
  const matching = request.publish ? holding.filter(({ publish }) => publish === true) : holding;
  if (holding.length === 0) return { allow: false, code: 'room_not_allowed', ...why };
  if (matching.length === 0) return { allow: false, code: 'publish_not_allowed', ...why };
  const notAfter = Math.max(...matching.map(({ notAfter = Infinity }) => notAfter));
  return { allow: true, ...(notAfter !== Infinity && { notAfter }), ...why };
}

/** The entry has no field but those of the schema, which strips others. */
function isKnown(videoAccess: unknown, index: number): boolean {
  for (const field in (videoAccess as object[])[index]) if (!FIELDS.includes(field)) return false;
  return true;
}

function unknownAt(videoAccess: unknown, index: number): string {
  return `video_access.${index}: ${unknownFields((videoAccess as object[])[index], FIELDS)}`;
}

function toLicence({ notBefore, notAfter, regions }: z.output<typeof grantSchema>): Licence {
  return { from: notBefore ?? null, until: notAfter ?? null, regions: regions ?? null };
}

function toReason(received: string): Reason {
  const expected = 'a list of { room, videos, notBefore?, notAfter?, regions?, publish? }';
  return { code: 'claim_video_access', expected, received: received.slice(0, 200) };
}

/** Where the claim is invalid, without quoting its values. */
function wrongPlace(error: z.ZodError, videoAccess: unknown): string {
  if (videoAccess === undefined) return 'missing';
  const [issue] = error.issues;
  return `${['video_access', ...(issue?.path ?? [])].join('.')}: ${issue?.message}`;
}
