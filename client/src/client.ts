import { createClock } from './clock.ts';
import type { Credential } from './credential.ts';
import { createTokens, type Wanted } from './tokens.ts';
import { startWatch, type Watcher } from './watch.ts';
import type { VideoToken } from './wire.ts';

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

/** Gets video tokens for one signed-in user, and keeps them fresh. */
export type VideoTokenClient = {
  /** A token for a video in a room: the one at hand, or a new one shortly before that expires. */
  get(wanted: Wanted & { signal?: AbortSignal | undefined }): Promise<VideoToken>;
  /** Keeps a token at hand until the function that it returns is called. */
  watch(wanted: Wanted, watcher: Watcher): () => void;
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
 * const stop = client.watch({ roomId, videoId }, {
 *   onToken: ({ token }) => player.loadCopyrightedVideo(token, videoId),
 *   onDenied: ({ code }) => show(code),
 * });
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
  return {
    get: ({ signal, ...wanted }) => tokens.get(wanted, signal),
    watch: (wanted, watcher) => startWatch({ tokens, clock, random }, wanted, watcher),
    now: () => clock.now() / 1000,
  };
}
