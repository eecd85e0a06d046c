import { isTransient } from './error.ts';
import { sleep } from './wait.ts';

const ATTEMPTS = 4;
const FIRST_DELAY_MS = 500;
// Whoever waits for a film does not wait longer; the error says when to come back.
const LONGEST_DELAY_MS = 60_000;

/**
 * Tries up to four times, as long as the failure may pass by itself. Waits twice as long each time,
 * at random within the upper half so that phones do not come back together, and never shorter than
 * the service asked for.
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  { signal, random }: { signal: AbortSignal; random: () => number },
): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isTransient(error) || failures === ATTEMPTS) throw error;
      const delay = delayBefore(failures, error.retryAfter, random());
      if (delay > LONGEST_DELAY_MS) throw error;
      await sleep(delay, signal);
    }
  }
}

function delayBefore(failures: number, retryAfter = 0, chance: number): number {
  const backoff = (FIRST_DELAY_MS * 2 ** failures * (1 + chance)) / 4;
  return retryAfter * 1000 + backoff;
}
