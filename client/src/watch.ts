import { awake, nap } from './awake.ts';
import type { Clock } from './clock.ts';
import { VideoTokenError } from './error.ts';
import type { Tokens, Wanted } from './tokens.ts';
import type { VideoToken } from './wire.ts';

/** Whom a watch tells. */
export type Watcher = {
  /** The first token, and each one that replaces it: load the video (again) with it. */
  onToken(token: VideoToken): void;
  /**
   * There is no token, and why. With the actions `retry` and `wait` the watch goes on by itself;
   * after any other it has ended.
   */
  onDenied(error: VideoTokenError): void;
};

type Parts = { tokens: Tokens; clock: Clock; random: () => number };

// An outage is asked about this often at first, and twice as long each time up to the second.
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 120_000;
// Timers do not count the sleep of a device; and the clock may be corrected meanwhile.
const LONGEST_NAP_MS = 60_000;

/** Keeps a token at hand until stopped. */
export function startWatch(parts: Parts, wanted: Wanted, watcher: Watcher): () => void {
  const controller = new AbortController();
  const { signal } = controller;
  // What the app throws is reported as its own, and does not end the watch.
  const tell = (news: () => void) => queueMicrotask(() => signal.aborted || news());
  follow(parts, wanted, signal, {
    onToken: (token) => tell(() => watcher.onToken(token)),
    onDenied: (error) => tell(() => watcher.onDenied(error)),
  }).catch((error) => {
    if (!signal.aborted) throw error;
  });
  return () => controller.abort();
}

async function follow(parts: Parts, wanted: Wanted, signal: AbortSignal, watcher: Watcher) {
  const { tokens, clock } = parts;
  let shown: VideoToken | undefined;
  let failures = 0;
  for (;;) {
    await awake(signal);
    try {
      const { token, renewAt } = await tokens.renew(wanted, signal);
      if (token !== shown) watcher.onToken(token);
      shown = token;
      failures = 0;
      await napUntil(renewAt, clock, signal);
    } catch (error) {
      if (!(error instanceof VideoTokenError)) throw error;
      const outage = error.action === 'retry';
      failures = outage ? failures + 1 : 0;
      if (!outage || !tokens.isAlive(wanted)) {
        watcher.onDenied(error);
        shown = undefined;
      }
      if (!outage && error.action !== 'wait') return;
      await recover(error, failures, parts, signal);
    }
  }
}

/** Waits until it makes sense to ask again. */
async function recover(
  error: VideoTokenError,
  failures: number,
  { clock, random }: Parts,
  signal: AbortSignal,
): Promise<void> {
  const backoff = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
  const pause = (backoff * (1 + random())) / 4 + (error.retryAfter ?? 0) * 1000;
  const opening = error.action === 'wait' ? (error.availableFrom ?? 0) * 1000 : 0;
  const until = Math.max(opening + random() * 1000, clock.now() + pause);
  // Back online is the moment to ask; a service that answers wants its pause.
  if (error.status === undefined) await nap(until - clock.now(), signal);
  else await napUntil(until, clock, signal);
}

async function napUntil(time: number, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    const rest = time - clock.now();
    if (rest <= 0) return;
    await nap(Math.min(rest, LONGEST_NAP_MS), signal);
  }
}
