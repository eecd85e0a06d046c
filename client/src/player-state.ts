import type { VideoTokenError } from './error.ts';
import { isOnline, onConnectionChange } from './wait.ts';

const SLOW_AFTER_MS = 5_000;

/**
 * What a viewer waits for or is told. `asking`: the token is asked for and the film loaded. `slow`:
 * that takes long; the cause is undefined while nothing at all was answered. `offline`: the device
 * has no network. `refused`: there is no token, and only with the action `wait` does it go on by
 * itself. `failed`: the player could not load the film, even with a fresh token.
 */
export type PlayerState =
  | { state: 'asking'; cause?: undefined }
  | { state: 'slow'; cause: VideoTokenError | undefined }
  | { state: 'offline'; cause: VideoTokenError | undefined }
  | { state: 'refused'; cause: VideoTokenError }
  | { state: 'playing'; cause?: undefined }
  | { state: 'failed'; cause: unknown };

export type Status = ReturnType<typeof createStatus>;

/** What is told to the app about one film: each change at once, and waiting every 5 s. */
export function createStatus(onState: (state: PlayerState) => void, signal: AbortSignal) {
  let phase: 'asking' | 'loading' | 'playing' | 'ended' = 'asking';
  let isSlow = false;
  let cause: VideoTokenError | undefined;
  // What the app throws is reported as its own, and changes nothing here.
  const tell = (state: PlayerState) => queueMicrotask(() => signal.aborted || onState(state));
  const report = () => {
    if (phase === 'ended') return;
    if (!isOnline()) tell({ state: 'offline', cause });
    else if (phase === 'playing') tell({ state: 'playing' });
    else if (cause?.action === 'wait') tell({ state: 'refused', cause });
    else tell(isSlow ? { state: 'slow', cause } : { state: 'asking' });
  };
  const timer = setInterval(() => {
    isSlow = true;
    report();
  }, SLOW_AFTER_MS);
  const stopTimer = () => clearInterval(timer);
  signal.addEventListener('abort', stopTimer);
  onConnectionChange(() => {
    isSlow = false;
    report();
  }, signal);
  report();
  return {
    isLoaded: () => phase === 'loading' || phase === 'playing',
    set(next: 'loading' | 'playing') {
      phase = next;
      cause = undefined;
      if (next === 'loading') return;
      stopTimer();
      report();
    },
    /** An attempt failed, and another one follows: at once, or after a pause that a viewer notices. */
    trouble(error: VideoTokenError, isLong: boolean) {
      cause = error;
      isSlow ||= isLong;
      if (isSlow || !isOnline()) report();
    },
    end(state: PlayerState) {
      phase = 'ended';
      stopTimer();
      tell(state);
    },
  };
}
