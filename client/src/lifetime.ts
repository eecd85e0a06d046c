const SECOND = 1000;

// The service gives no token of a shorter life; what looks like one is a wrong clock.
const SHORTEST_LIFE = 10 * SECOND;

/**
 * When to renew a token, in milliseconds: at random within its last minutes, so that the phones of a
 * room do not ask together; of a short life within the last half, so that renewing is never a loop.
 */
export function renewalTime(expireAt: number, now: number, chance: number): number {
  const life = Math.max(expireAt * SECOND - now, SHORTEST_LIFE);
  const margin = Math.min(Math.max(life / 5, 60 * SECOND), 300 * SECOND, life / 2);
  return now + life - (margin * (1 + chance)) / 2;
}
