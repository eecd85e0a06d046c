import { isTransient, type VideoTokenError } from './error.ts';
import { sleep, sleepUntilVisible } from './wait.ts';

const ATTEMPTS = 4;
const FIRST_DELAY_MS = 500;
// A viewer does not wait longer for one answer; the error says when to ask again.
const LONGEST_DELAY_MS = 60_000;

const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 120_000;
// Timers do not count the time that a device sleeps, and the clock may be corrected meanwhile.
const LONGEST_SLEEP_MS = 60_000;

export type RetryOptions = {
  signal: AbortSignal;
  random: () => number;
  onRetry: (error: VideoTokenError) => void;
};

/**
 * Tries up to four times, as long as the failure may pass by itself. Waits twice as long each time,
 * at random within the upper half so that phones do not come back together, and never shorter than
 * the service asked for.
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  { signal, random, onRetry }: RetryOptions,
): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isTransient(error) || failures === ATTEMPTS) throw error;
      const delay = waitFor(FIRST_DELAY_MS * 2 ** failures, error, random());
      if (delay > LONGEST_DELAY_MS) throw error;
      onRetry(error);
      await sleep(delay, signal);
    }
  }
}

/** The clock (milliseconds of the service's) and the chance by which a pause is made. */
export type PauseOptions = { now: () => number; random: () => number; signal: AbortSignal };

/** Resolves when it makes sense to ask again after so many failures in a row. */
export async function pauseAfter(
  error: VideoTokenError,
  failures: number,
  { now, random, signal }: PauseOptions,
): Promise<void> {
  const backoff = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
  const opening = error.action === 'wait' ? (error.availableFrom ?? 0) * 1000 : 0;
  const until = Math.max(opening + random() * 1000, now() + waitFor(backoff, error, random()));
  // Back online is the moment to ask; a service that answers is given its pause.
  if (error.status === undefined) await sleepUntilVisible(until - now(), signal);
  else await sleepUntil(until, now, signal);
}

/** Resolves at that time of the clock, in milliseconds. */
export async function sleepUntil(
  time: number,
  now: () => number,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const rest = time - now();
    if (rest <= 0) return;
    await sleepUntilVisible(Math.min(rest, LONGEST_SLEEP_MS), signal);
  }
}

/** From a quarter to half of `backoff`, and what the service asked for. */
function waitFor(backoff: number, { retryAfter = 0 }: VideoTokenError, chance: number): number {
  return retryAfter * 1000 + (backoff * (1 + chance)) / 4;
}
