import { sleep, unlessAborted } from './wait.ts';

type Events = Pick<EventTarget, 'addEventListener' | 'removeEventListener'>;

/** What a page has and Node does not. */
type Surroundings = Partial<Events> & {
  document?: Events & { visibilityState: string };
  navigator?: { onLine?: boolean };
};

const surroundings = globalThis as Surroundings;

/** Whether somebody may be watching: the page is visible and the network is not known to be down. */
function isAwake(): boolean {
  const { document, navigator } = surroundings;
  return document?.visibilityState !== 'hidden' && navigator?.onLine !== false;
}

/** Resolves at once while awake, and otherwise as soon as it is so again. */
export async function awake(signal: AbortSignal): Promise<void> {
  while (!isAwake()) await change(signal);
}

/**
 * Resolves after `milliseconds`, or earlier when the page is shown again or comes back online: timers
 * of a page in the background are late.
 */
export async function nap(milliseconds: number, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  try {
    await Promise.race([sleep(milliseconds, either), change(either)]);
  } finally {
    over.abort();
  }
}

/** Resolves when the page is shown or hidden, or comes online. */
async function change(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const listener = () => resolve();
  surroundings.addEventListener?.('online', listener);
  surroundings.document?.addEventListener('visibilitychange', listener);
  try {
    await unlessAborted(promise, signal);
  } finally {
    surroundings.removeEventListener?.('online', listener);
    surroundings.document?.removeEventListener('visibilitychange', listener);
  }
}
