import type { UnixSeconds } from '../access/access.ts';

/** Less than this left and ZEGO's players have no use for the token. */
const MIN_LIFETIME_SECONDS = 10;

/** What bounds a token's life. Times are Unix seconds. */
export type LifetimeBounds = {
  now: UnixSeconds;
  ttlSeconds: number;
  /** End of the licence window. */
  notAfter: UnixSeconds | undefined;
  /** Expiry of the credential; undefined when a token may outlive the session. */
  sessionEndsAt: UnixSeconds | undefined;
};

/** When the token expires, or which of its bounds leaves too little. */
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
