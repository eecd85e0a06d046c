import type { VideoTokenClient } from './client.ts';
import { VideoTokenError } from './error.ts';
import { createStatus, type PlayerState, type Status } from './player-state.ts';
import { pauseAfter } from './retry.ts';
import type { TokenRequest } from './tokens.ts';
import type { VideoToken } from './wire.ts';

// An error that comes later than this is another one than the error that led to the reload.
const PLAYED_WELL_SECONDS = 60;

/** A player, as far as `attachPlayer` has to know it. */
export type PlayerOptions = {
  /**
   * Stops what plays and loads the film. A promise is awaited: it says when the film plays, or
   * rejects when it could not be loaded.
   */
  load(token: string, videoId: string, roomId: string): unknown;
  /** Registers a listener for the player's load failures; may return a function that removes it. */
  onError?(listener: (error: unknown) => void): unknown;
  /** Called with each new state, and every 5 s with the same one while the viewer waits. */
  onState(state: PlayerState): void;
  /** Loads the film again before its token expires, should ZEGO check tokens while a film plays. */
  reload?: 'before-expiry' | undefined;
};

/** A player whose films get their tokens by themselves. */
export type AttachedPlayer = {
  /** Asks for a token and loads the film: for another film, and after a reconnect. */
  load(request: TokenRequest): void;
  /** Ends asking for the film that was loaded last; to stop the player is up to the app. */
  stop(): void;
  /** Stops, and removes the listener from the player. */
  detach(): void;
};

/**
 * Gives a player the token that it needs for each load, and leaves it alone while it plays. When the
 * player reports that a load failed, it is loaded once more, with a fresh token.
 *
 * @example
 * const player = attachPlayer(client, {
 *   load: (token, videoId) => sdk.loadCopyrightedVideo(token, videoId),
 *   onError: (listener) => sdk.on('error', listener),
 *   onState: ({ state, cause }) => show(state, cause),
 * });
 * player.load({ roomId, videoId });
 */
export function attachPlayer(client: VideoTokenClient, options: PlayerOptions): AttachedPlayer {
  let film: Film | undefined;
  const load = (request: TokenRequest, isReload: boolean) => {
    film?.stop();
    film = startFilm(client, options, request, isReload, (again) => load(request, again));
  };
  const removeListener = options.onError?.((error) => film?.fail(error));
  return {
    load: (request) => load(request, false),
    stop: () => film?.stop(),
    detach() {
      film?.stop();
      if (typeof removeListener === 'function') removeListener();
    },
  };
}

type Film = { fail(error: unknown): void; stop(): void };

/** One load of a film, from asking for its token until it is stopped or loaded again. */
function startFilm(
  client: VideoTokenClient,
  { load, onState, reload }: PlayerOptions,
  request: TokenRequest,
  isReload: boolean,
  loadAgain: (isReload: boolean) => void,
): Film {
  const controller = new AbortController();
  const { signal } = controller;
  const status = createStatus(onState, signal);
  let playingSince = Number.POSITIVE_INFINITY;
  const fail = (error: unknown) => {
    if (signal.aborted || !status.isLoaded()) return;
    if (!isReload || client.now() - playingSince > PLAYED_WELL_SECONDS) loadAgain(true);
    else status.end({ state: 'failed', cause: error });
  };
  const run = async () => {
    const { token } = await getToken(client, { ...request, fresh: isReload, signal }, status);
    status.set('loading');
    try {
      await load(token, request.videoId, request.roomId);
    } catch (error) {
      return fail(error);
    }
    if (signal.aborted || !status.isLoaded()) return;
    status.set('playing');
    playingSince = client.now();
    if (reload) onRenewal(client, request, token, signal, () => loadAgain(false));
  };
  run().catch((error) => {
    if (signal.aborted) return;
    if (!(error instanceof VideoTokenError)) throw error;
    status.end({ state: 'refused', cause: error });
  });
  return { fail, stop: () => controller.abort() };
}

/** Asks until there is a token, or a refusal that does not pass by itself. */
async function getToken(
  client: VideoTokenClient,
  request: TokenRequest & { fresh: boolean; signal: AbortSignal },
  { trouble }: Status,
): Promise<VideoToken> {
  const now = () => client.now() * 1000;
  const onRetry = (error: VideoTokenError) => trouble(error, Boolean(error.retryAfter));
  for (let failures = 1; ; failures += 1) {
    try {
      return await client.get({ ...request, onRetry });
    } catch (error) {
      const goesOn = error instanceof VideoTokenError && /^(retry|wait)$/.test(error.action);
      if (!goesOn) throw error;
      trouble(error, true);
      await pauseAfter(error, failures, { now, random: Math.random, signal: request.signal });
    }
  }
}

/** Calls back when there is a token that replaces this one. */
function onRenewal(
  client: VideoTokenClient,
  request: TokenRequest,
  loaded: string,
  signal: AbortSignal,
  callback: () => void,
): void {
  const stop = client.watch(request, {
    onToken: ({ token }) => token === loaded || callback(),
    // The film plays on; should the player stop it, loading it again gets the refusal.
    onDenied: () => {},
  });
  signal.addEventListener('abort', stop);
}
