import { VideoTokenError } from './error.ts';
import { isOnline } from './wait.ts';
import type {
  BasicTokenRequest,
  Problem,
  RoomToken,
  RoomTokenRequest,
  VideoToken,
  VideoTokenRequest,
} from './wire.ts';

/** The service's clock, in milliseconds, as far as its replies tell. */
export type Clock = {
  now(): number;
  /** A reply has been read: this page may read them. */
  hasLearned(): boolean;
  /** What the device's own clock says. */
  device(): number;
  /** Corrects the clock by the `Date` header of a reply to a request sent at `sentAt` (device). */
  learn(date: string | null, sentAt: number): void;
};

const PROBE_MS = 2_000;

// The header has whole seconds: on average the service is half of one further.
const HALF_A_SECOND = 500;

/** A clock that is the device's until a reply says how wrong that one is. */
export function createClock(device: () => number): Clock {
  let offset = 0;
  let hasLearned = false;
  return {
    now: () => device() + offset,
    hasLearned: () => hasLearned,
    device,
    learn(date, sentAt) {
      hasLearned = true;
      const served = Date.parse(date ?? '');
      // A page reads this header only where the service lets it.
      if (Number.isNaN(served)) return;
      offset = served + HALF_A_SECOND - (sentAt + device()) / 2;
    },
  };
}

/** How the service is reached. */
export type Connection = {
  url: string;
  fetch: typeof fetch;
  timeoutMs: number;
  clock: Clock;
};

/** Sends one request and reads the reply: a token, or the error that says why there is none. */
export async function requestToken<Token extends VideoToken = VideoToken>(
  { url, fetch, timeoutMs, clock }: Connection,
  request: VideoTokenRequest | RoomTokenRequest | BasicTokenRequest,
  credential: string,
  signal: AbortSignal,
): Promise<Token> {
  const sentAt = clock.device();
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
      body: JSON.stringify(request),
      cache: 'no-store',
      credentials: 'omit',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    clock.learn(response.headers.get('date'), sentAt);
    return readReply(response, await response.text(), clock) as Token;
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof VideoTokenError) throw cause;
    const isTimeout = (cause as Partial<Error> | null)?.name === 'TimeoutError';
    const mayBeOrigin = !isTimeout && isOnline() && !clock.hasLearned();
    if (mayBeOrigin && (await answersOpaquely(url, fetch, signal))) {
      throw new VideoTokenError(
        `The service, or a proxy in its place, answers, but not to pages of ${pageOrigin()}: is this origin in its CORS_ORIGINS?`,
        { code: 'origin_not_allowed', action: 'retry', cause },
      );
    }
    const sentence = isTimeout ? 'did not answer in time' : 'cannot be reached';
    const message = isOnline() ? `The service ${sentence}.` : 'The device is offline.';
    throw new VideoTokenError(message, { code: 'network_error', action: 'retry', cause });
  }
}

/** The origin of the page; undefined in Node.js. */
function pageOrigin(): string | undefined {
  return (globalThis as { location?: { origin: string } }).location?.origin;
}

/** Whether something answers there that the browser does not show to this page; by what, it does not show either. */
async function answersOpaquely(
  url: string,
  request: typeof fetch,
  signal: AbortSignal,
): Promise<boolean> {
  const origin = pageOrigin();
  // A page in a sandbox or of a file has the origin "null".
  if (!origin || !URL.canParse(url, origin)) return false;
  const probe = new URL('healthz', new URL(url, origin));
  if (probe.origin === origin) return false;
  const both = AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS)]);
  try {
    await request(probe.href, {
      mode: 'no-cors',
      credentials: 'omit',
      cache: 'no-store',
      signal: both,
    });
    return true;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

function readReply(
  { status, headers }: Response,
  text: string,
  clock: Clock,
): VideoToken | RoomToken {
  const reply = parse(text);
  if (status === 200 && isToken(reply)) {
    const { token, expireAt, userId, appId } = reply;
    // Only room and basic tokens name the AppID, and a video token the user where ids are hashed.
    if (appId !== undefined) return { token, expireAt, userId, appId };
    return userId === undefined ? { token, expireAt } : { token, expireAt, userId };
  }
  const retryAfter = readRetryAfter(headers.get('retry-after'), clock);
  const requestId = headers.get('x-request-id') ?? undefined;
  if (isProblem(reply)) {
    throw new VideoTokenError(reply.detail ?? reply.code, {
      code: reply.code,
      action: reply.action,
      status,
      requestId: reply.requestId ?? requestId,
      availableFrom: reply.availableFrom,
      retryAfter,
    });
  }
  // A proxy or a hotel's sign-in page, which may pass; or a wrong address, which will not.
  const isLasting = status >= 400 && status < 500 && status !== 408 && status !== 429;
  throw new VideoTokenError(`The reply (${status}) is not the service's.`, {
    code: 'unexpected_reply',
    action: isLasting ? 'fix_request' : 'retry',
    status,
    requestId,
    retryAfter,
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isToken(reply: unknown): reply is RoomToken | (VideoToken & { appId?: undefined }) {
  const { token, expireAt } = (reply ?? {}) as Partial<VideoToken>;
  return typeof token === 'string' && Number.isFinite(expireAt);
}

function isProblem(reply: unknown): reply is Problem {
  const { code, action } = (reply ?? {}) as Partial<Problem>;
  return typeof code === 'string' && typeof action === 'string';
}

/** Seconds; proxies send a date instead. */
function readRetryAfter(text: string | null, clock: Clock): number | undefined {
  if (text === null) return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - clock.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}
