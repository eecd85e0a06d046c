import type { Socket } from 'node:net';

const LINGER_MS = 1_000;
const LINGER_BYTES = 256 * 1024;
const MAX_LINGERING = 1_024;

/** Ends connections when their client has ended them too, or has had the time to. */
export type Linger = {
  /**
   * Node.js calls `destroySoon` after an answer that closes the connection.
   *
   * @returns drops what is read at the end; stops reading until the last answer is given
   */
  watch(socket: Socket, onEnd: () => void): (bytes: Buffer) => void;
};

/** A connection that is closed while bytes come is reset, and its last answer may be lost. */
export function createLinger(): Linger {
  const lingering = new Set<Socket>();
  return {
    watch(socket, onEnd) {
      let timer: NodeJS.Timeout | undefined;
      let dropped = 0;
      socket.destroySoon = () => {
        onEnd();
        if (timer || socket.destroyed) return;
        timer = setTimeout(() => socket.destroy(), LINGER_MS);
        socket.once('close', () => {
          clearTimeout(timer);
          lingering.delete(socket);
        });
        destroyOldest(lingering.add(socket), MAX_LINGERING);
        socket.end().resume();
      };
      return ({ length }) => {
        dropped += length;
        // A client that is disconnected at once connects anew at once: it waits for the timer.
        if (!timer || dropped > LINGER_BYTES) socket.pause();
      };
    },
  };
}

/** Bounds a collection to which sockets are added as they come. */
export function destroyOldest(
  sockets: { size: number; keys(): Iterable<Socket>; delete(socket: Socket): boolean },
  max: number,
): void {
  const [oldest] = sockets.keys();
  if (sockets.size <= max || !oldest) return;
  sockets.delete(oldest);
  oldest.destroy();
}
