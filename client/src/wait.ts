type Events = Pick<EventTarget, 'addEventListener' | 'removeEventListener'>;

/** Globals that browsers have and Node.js has not. */
type BrowserGlobals = Partial<Events> & {
  document?: Events & { visibilityState: string };
  navigator?: { onLine?: boolean };
};

const browser = globalThis as BrowserGlobals;

/** False only where the browser knows that the device has no network. */
export function isOnline(): boolean {
  return browser.navigator?.onLine !== false;
}

/** Calls the listener when the device goes online or offline, until the signal aborts. */
export function onConnectionChange(listener: () => void, signal: AbortSignal): void {
  browser.addEventListener?.('online', listener, { signal });
  browser.addEventListener?.('offline', listener, { signal });
}

/** Resolves after `milliseconds`; rejects with the signal's reason when that comes first. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  return unlessAborted(promise, signal).finally(() => clearTimeout(timer));
}

/** Resolves once the page is visible. */
export async function whenVisible(signal: AbortSignal): Promise<void> {
  while (browser.document?.visibilityState === 'hidden') await pageChange(signal);
}

/**
 * Resolves after `milliseconds`, or earlier when the page is shown or the device is online again:
 * browsers delay the timers of a page in the background.
 */
export async function sleepUntilVisible(milliseconds: number, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  try {
    await Promise.race([sleep(milliseconds, either), pageChange(either)]);
  } finally {
    done.abort();
  }
}

/** The result of `promise`; rejects with the signal's reason when that comes first. */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal?: AbortSignal | undefined,
): Promise<T> {
  if (!signal) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Resolves when the page is shown or hidden, or when the device is online again. */
async function pageChange(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = new AbortController();
  const options = { signal: done.signal };
  browser.addEventListener?.('online', () => resolve(), options);
  browser.document?.addEventListener('visibilitychange', () => resolve(), options);
  try {
    await unlessAborted(promise, signal);
  } finally {
    done.abort();
  }
}
