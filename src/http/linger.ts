import type { Socket } from 'node:net';

const LINGER_MS = 1_000;
const LINGER_BYTES = 256 * 1024;
const MAX_LINGERING = 1_024;

/** Lingering close: after the last response, input is discarded for up to 1 s. */
export type Linger = {
  /**
   * Replaces `destroySoon`, which Node.js calls after a response that closes the connection.
   *
   * @param onClosing is called when the connection begins to close
   * @returns discards input; pauses the socket until the last response has been sent
   */
  watch(socket: Socket, onClosing: () => void): (bytes: Buffer) => void;
};

/** Closing a socket that has unread input sends a TCP reset, which can destroy the response. */
export function createLinger(): Linger {
  const lingering = new Set<Socket>();
  return {
    watch(socket, onClosing) {
      let timer: NodeJS.Timeout | undefined;
      let dropped = 0;
      socket.destroySoon = () => {
        onClosing();
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
        // Closing immediately would make a flooding client reconnect immediately: the timer closes the connection.
        if (!timer || dropped > LINGER_BYTES) socket.pause();
      };
    },
  };
}

/** Destroys the socket that was added first once there are more than `max`. */
export function destroyOldest(
  sockets: { size: number; keys(): Iterable<Socket>; delete(socket: Socket): boolean },
  max: number,
): void {
  const [oldest] = sockets.keys();
  if (sockets.size <= max || !oldest) return;
  sockets.delete(oldest);
  oldest.destroy();
}
