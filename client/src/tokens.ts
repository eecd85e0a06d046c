import { type Credential, withCredential } from './credential.ts';
import { isTransient, type VideoTokenError } from './error.ts';
import { type Connection, requestToken } from './request.ts';
import { type RetryOptions, withRetries } from './retry.ts';
import { createSingleFlight } from './single-flight.ts';
import type { VideoToken, VideoTokenRequest } from './wire.ts';

// The service gives no token of a shorter life; what looks like one is a wrong clock.
const SHORTEST_LIFE_MS = 10_000;

/** A token at hand, and when to renew it (milliseconds of the service's clock). */
type Held = { token: VideoToken; renewAt: number };

/** The room and the video that a token is for. */
export type TokenRequest = Pick<VideoTokenRequest, 'roomId' | 'videoId'>;

/** How one caller asks for a token. */
export type GetOptions = {
  /** Ends the call with its reason. */
  signal?: AbortSignal | undefined;
  /** Asks the service even where a token is at hand: for one that the player did not take. */
  fresh?: boolean | undefined;
  /** Called after each attempt that failed and is followed by another one. */
  onRetry?: ((error: VideoTokenError) => void) | undefined;
};

export type Tokens = {
  /** A token that lives for a while yet: the one at hand, or a new one. */
  get(request: TokenRequest, options?: GetOptions): Promise<VideoToken>;
  /** Asks unless the one at hand need not be renewed; what is held never expires earlier than before. */
  renew(request: TokenRequest, options?: GetOptions): Promise<Held>;
  /** When the token at hand expires, in milliseconds; undefined when there is none that lives. */
  expiry(request: TokenRequest): number | undefined;
};

/** The tokens of one user. */
export function createTokens(
  connection: Connection,
  credential: Credential,
  random: () => number,
): Tokens {
  const { clock } = connection;
  const singleFlight = createSingleFlight<Held, VideoTokenError>();
  const held = new Map<string, Held>();

  const living = (key: string): VideoToken | undefined => {
    const token = held.get(key)?.token;
    return token && clock.now() < token.expireAt * 1000 ? token : undefined;
  };

  const fetchToken = async (key: string, request: TokenRequest, retry: Retry): Promise<Held> => {
    const attempt = (jwt: string) => requestToken(connection, request, jwt, retry.signal);
    // A token that lives is better than waiting for another one.
    const attempts = (jwt: string) =>
      living(key) ? attempt(jwt) : withRetries(() => attempt(jwt), { ...retry, random });
    try {
      const fetched = await withCredential(credential, attempts);
      const current = living(key);
      const token = current && current.expireAt >= fetched.expireAt ? current : fetched;
      const renewAt = renewalTime(token.expireAt, clock.now(), random());
      held.set(key, { token, renewAt });
      return { token, renewAt };
    } catch (error) {
      // A refusal takes the right away; an outage does not.
      if (!isTransient(error) && !retry.signal.aborted) held.delete(key);
      throw error;
    }
  };

  const renew: Tokens['renew'] = async ({ roomId, videoId }, { signal, fresh, onRetry } = {}) => {
    signal?.throwIfAborted();
    const request = { roomId, videoId };
    const key = keyOf(request);
    if (fresh) held.delete(key);
    const current = held.get(key);
    if (current && clock.now() < current.renewAt) return current;
    const work = (shared: AbortSignal, tell: Retry['onRetry']) =>
      fetchToken(key, request, { signal: shared, onRetry: tell });
    return singleFlight(key, work, { signal, onNews: onRetry });
  };

  return {
    renew,
    expiry(request) {
      const token = living(keyOf(request));
      return token && token.expireAt * 1000;
    },
    async get(request, options) {
      try {
        return (await renew(request, options)).token;
      } catch (error) {
        const current = isTransient(error) ? living(keyOf(request)) : undefined;
        if (current) return current;
        throw error;
      }
    },
  };
}

type Retry = Pick<RetryOptions, 'signal' | 'onRetry'>;

function keyOf({ roomId, videoId }: TokenRequest): string {
  return JSON.stringify([roomId, videoId]);
}

/**
 * When to renew a token, in milliseconds: at random within its last minutes, so that the phones of a
 * room do not ask together; of a short life within the last half, so that renewing is never a loop.
 */
function renewalTime(expireAt: number, now: number, chance: number): number {
  const life = Math.max(expireAt * 1000 - now, SHORTEST_LIFE_MS);
  const margin = Math.min(Math.max(life / 5, 60_000), 300_000, life / 2);
  return now + life - (margin * (1 + chance)) / 2;
}
