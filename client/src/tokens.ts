import { ask, type Connection } from './ask.ts';
import { type Credential, withCredential } from './credential.ts';
import { isTransient } from './error.ts';
import { createFlights } from './flights.ts';
import { renewalTime } from './lifetime.ts';
import { withRetries } from './retry.ts';
import type { VideoToken, VideoTokenRequest } from './wire.ts';

/** A token at hand, and when to renew it (milliseconds of the service's clock). */
type Held = { token: VideoToken; renewAt: number };

/** The room and the video that a token is for. */
export type Wanted = Pick<VideoTokenRequest, 'roomId' | 'videoId'>;

export type Tokens = {
  /** A token that lives for a while yet: the one at hand, or a new one. */
  get(wanted: Wanted, signal?: AbortSignal | undefined): Promise<VideoToken>;
  /** Asks unless the one at hand need not be renewed; what is held never expires earlier than before. */
  renew(wanted: Wanted, signal?: AbortSignal | undefined): Promise<Held>;
  /** Whether there is a token at hand that has not expired. */
  isAlive(wanted: Wanted): boolean;
};

/** The tokens of one user. */
export function createTokens(
  connection: Connection,
  credential: Credential,
  random: () => number,
): Tokens {
  const { clock } = connection;
  const fly = createFlights<Held>();
  const held = new Map<string, Held>();

  const alive = (key: string): Held | undefined => {
    const found = held.get(key);
    return found && clock.now() < found.token.expireAt * 1000 ? found : undefined;
  };

  const request = async (key: string, wanted: Wanted, signal: AbortSignal): Promise<Held> => {
    const attempt = (jwt: string) =>
      withRetries(() => ask(connection, wanted, jwt, signal), { signal, random });
    try {
      const fresh = await withCredential(credential, attempt);
      const current = alive(key)?.token;
      const token = current && current.expireAt >= fresh.expireAt ? current : fresh;
      const renewAt = renewalTime(token.expireAt, clock.now(), random());
      held.set(key, { token, renewAt });
      return { token, renewAt };
    } catch (error) {
      // A refusal takes the right away; an outage does not.
      if (!isTransient(error) && !signal.aborted) held.delete(key);
      throw error;
    }
  };

  const renew: Tokens['renew'] = async ({ roomId, videoId }, signal) => {
    signal?.throwIfAborted();
    const key = keyOf({ roomId, videoId });
    const current = held.get(key);
    if (current && clock.now() < current.renewAt) return current;
    return fly(key, (shared) => request(key, { roomId, videoId }, shared), signal);
  };

  return {
    renew,
    isAlive: (wanted) => alive(keyOf(wanted)) !== undefined,
    async get(wanted, signal) {
      try {
        return (await renew(wanted, signal)).token;
      } catch (error) {
        const current = isTransient(error) ? alive(keyOf(wanted)) : undefined;
        if (current) return current.token;
        throw error;
      }
    },
  };
}

function keyOf({ roomId, videoId }: Wanted): string {
  return JSON.stringify([roomId, videoId]);
}
