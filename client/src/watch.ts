import { VideoTokenError } from './error.ts';
import type { Clock } from './request.ts';
import { pauseAfter, sleepUntil } from './retry.ts';
import type { TokenRequest, Tokens } from './tokens.ts';
import { whenVisible } from './wait.ts';
import type { VideoToken } from './wire.ts';

/** What a watch calls. */
export type WatchHandlers = {
  /**
   * There is a token: the first one, or the first after `onDenied`; or one that was renewed before
   * the one before it expired.
   */
  onToken(token: VideoToken, info: { reason: 'first' | 'renewed' }): void;
  /**
   * There is no token, and why. With the actions `retry` and `wait` the watch goes on by itself;
   * after any other it has ended.
   */
  onDenied(error: VideoTokenError): void;
};

type WatchOptions = { tokens: Tokens; clock: Clock; random: () => number };

/** Keeps a token at hand until stopped. */
export function startWatch(
  options: WatchOptions,
  request: TokenRequest,
  handlers: WatchHandlers,
): () => void {
  const controller = new AbortController();
  const { signal } = controller;
  // What the app throws is reported as its own, and does not end the watch.
  const call = (handler: () => void) => queueMicrotask(() => signal.aborted || handler());
  keepFresh(options, request, signal, {
    onToken: (token, info) => call(() => handlers.onToken(token, info)),
    onDenied: (error) => call(() => handlers.onDenied(error)),
  }).catch((error) => {
    if (!signal.aborted) throw error;
  });
  return () => controller.abort();
}

async function keepFresh(
  { tokens, clock, random }: WatchOptions,
  request: TokenRequest,
  signal: AbortSignal,
  { onToken, onDenied }: WatchHandlers,
): Promise<void> {
  let shown: VideoToken | undefined;
  let failures = 0;
  for (;;) {
    await whenVisible(signal);
    try {
      const { token, renewAt } = await tokens.renew(request, { signal });
      if (token !== shown) onToken(token, { reason: shown ? 'renewed' : 'first' });
      shown = token;
      failures = 0;
      await sleepUntil(renewAt, clock.now, signal);
    } catch (error) {
      if (!(error instanceof VideoTokenError)) throw error;
      const deny = () => {
        onDenied(error);
        shown = undefined;
      };
      const isOutage = error.action === 'retry';
      failures = isOutage ? failures + 1 : 0;
      // An outage is no news while the token lives.
      const expiry = isOutage ? tokens.expiry(request) : undefined;
      if (expiry === undefined) deny();
      if (!isOutage && error.action !== 'wait') return;
      const pause = new AbortController();
      if (expiry !== undefined) {
        const either = AbortSignal.any([signal, pause.signal]);
        sleepUntil(expiry, clock.now, either).then(deny, () => {});
      }
      await pauseAfter(error, failures, { now: clock.now, random, signal });
      pause.abort();
    }
  }
}
