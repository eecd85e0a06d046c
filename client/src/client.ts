import { type Credential, withCredential } from './credential.ts';
import { createClock, requestToken } from './request.ts';
import { withRetries } from './retry.ts';
import { createTokens, type GetOptions, type TokenRequest } from './tokens.ts';
import { startWatch, type WatchHandlers } from './watch.ts';
import type {
  BasicToken,
  BasicTokenRequest,
  RoomToken,
  RoomTokenRequest,
  VideoToken,
} from './wire.ts';

/** What a client is made of. */
export type VideoTokenClientOptions = {
  /** The address that gives tokens, for instance `https://video-token.example/video-token`. */
  url: string;
  /** The JWT of the signed-in user, or a function that gives it. */
  credential: Credential;
  /** How long one attempt may take; 10 seconds by default. */
  timeoutMs?: number;
  /** Another `fetch` than the platform's. */
  fetch?: typeof fetch;
  /** The device's clock, in milliseconds. */
  now?: () => number;
  /** From 0 to below 1. */
  random?: () => number;
};

/** Gets video tokens for one signed-in user. */
export type VideoTokenClient = {
  /** A token for a video in a room: the one at hand, or a new one shortly before that expires. */
  get(request: TokenRequest & GetOptions): Promise<VideoToken>;
  /** Keeps a token at hand until the function that it returns is called. */
  watch(request: TokenRequest, handlers: WatchHandlers): () => void;
  /**
   * A token with which the user logs in to a room. Each call asks for a new one: ask before the login, and when the
   * SDK says that the token is about to expire.
   */
  roomToken(request: RoomTokenRequest & Pick<GetOptions, 'signal'>): Promise<RoomToken>;
  /** A token for ZIM, UIKit and the like, which opens any room. Each call asks for a new one. */
  basicToken(options?: Pick<GetOptions, 'signal'>): Promise<BasicToken>;
  /** The Unix seconds of the service's clock: what `expireAt` is to be compared with. */
  now(): number;
};

/**
 * Makes a client for one signed-in user. Make another when another user signs in.
 *
 * @example
 * const client = createVideoTokenClient({
 *   url: 'https://video-token.example/video-token',
 *   credential: () => session.jwt(),
 * });
 * const { token, expireAt } = await client.get({ roomId, videoId });
 */
export function createVideoTokenClient({
  url,
  credential,
  timeoutMs = 10_000,
  fetch = (...request) => globalThis.fetch(...request),
  now = Date.now,
  random = Math.random,
}: VideoTokenClientOptions): VideoTokenClient {
  const clock = createClock(now);
  const tokens = createTokens({ url, fetch, timeoutMs, clock }, credential, random);
  /** The other routes stand beside the one of video tokens. */
  const ask = <Token extends RoomToken | BasicToken>(
    route: string,
    request: RoomTokenRequest | BasicTokenRequest,
    signal = new AbortController().signal,
  ): Promise<Token> => {
    const connection = { url: beside(url, route), fetch, timeoutMs, clock };
    return withCredential(credential, (jwt) =>
      withRetries(() => requestToken<Token>(connection, request, jwt, signal), {
        ...{ signal, random },
        onRetry: () => {},
      }),
    );
  };
  return {
    roomToken: ({ signal, ...request }) => ask('room-token', request, signal),
    basicToken: ({ signal } = {}) => ask('basic-token', {}, signal),
    get: (request) => tokens.get(request, request),
    watch: (request, handlers) => startWatch({ tokens, clock, random }, request, handlers),
    now: () => clock.now() / 1000,
  };
}

/** The address whose path ends with another route. */
function beside(url: string, route: string): string {
  const [, origin = '', path = '', rest = ''] = /^(\w+:\/\/[^/?#]*)?([^?#]*)(.*)$/.exec(url) ?? [];
  return `${origin}${path.replace(/[^/]*$/, '') || '/'}${route}${rest}`;
}
