import type { UnixSeconds } from '../access/access.ts';

/** A token with a shorter lifetime is useless to ZEGO's players. */
export const MIN_LIFETIME_SECONDS = 10;

/** The limits of a token's lifetime, in Unix seconds. */
export type LifetimeBounds = {
  now: UnixSeconds;
  ttlSeconds: number;
  /** End of the licence window. */
  notAfter: UnixSeconds | undefined;
  /** Expiry of the credential; undefined when a token may outlive the session. */
  sessionEndsAt: UnixSeconds | undefined;
};

/** Computes when the token expires; returns a code if a limit leaves too little time. */
export function tokenLifetime({
  now,
  ttlSeconds,
  notAfter,
  sessionEndsAt,
}: LifetimeBounds): { expireAt: UnixSeconds } | { code: 'credential_expired' | 'video_ended' } {
  const earliest = now + MIN_LIFETIME_SECONDS;
  if (sessionEndsAt !== undefined && sessionEndsAt < earliest)
    return { code: 'credential_expired' };
  if (notAfter !== undefined && notAfter < earliest) return { code: 'video_ended' };
  return { expireAt: Math.min(now + ttlSeconds, notAfter ?? Infinity, sessionEndsAt ?? Infinity) };
}
