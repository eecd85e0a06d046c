import type {
  AccessDecision,
  AccessDenial,
  AccessFacts,
  AccessRequest,
  UnixSeconds,
} from './access.ts';

/**
 * The rules. A room that does not exist, is closed, or does not have the user gives one answer, so
 * that nobody can probe which rooms exist; the room is asked before the video for the same reason.
 */
export function decide(
  { user, room, video }: AccessFacts,
  { country }: Pick<AccessRequest, 'country'>,
  now: UnixSeconds,
): AccessDecision {
  if (user?.status !== 'active') return deny('user_not_allowed');
  if (room?.status !== 'open' || !room.hasMember) return deny('room_not_allowed');
  if (video?.status !== 'available' || !room.hasVideo) return deny('video_not_allowed');
  const { availableFrom, availableUntil, regions } = video;
  if (availableFrom !== null && now < availableFrom) {
    return { ...deny('video_not_started'), availableFrom };
  }
  if (availableUntil !== null && now >= availableUntil) return deny('video_ended');
  if (regions !== null && (country === undefined || !regions.includes(country))) {
    return deny('region_not_allowed');
  }
  return availableUntil === null ? { allow: true } : { allow: true, notAfter: availableUntil };
}

function deny(code: AccessDenial) {
  return { allow: false, code } as const;
}
