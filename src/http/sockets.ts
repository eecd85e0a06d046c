import type { Socket } from 'node:net';

/** A read of Node.js, 64 KiB, can hold 1,700 of the shortest requests. */
const SLICE_BYTES = 1_024;
/** How much of a connection is parsed before others have their turn: 16 kB in chunks of a byte take some 15 ms. */
const TURN_BYTES = 4 * SLICE_BYTES;
const LINGER_MS = 1_000;
const LINGER_BYTES = 256 * 1024;
const MAX_LINGERING = 1_024;

/** Passes what is read on in slices, until one of them makes the socket pause. */
export function readSlices(socket: Socket, onSlice: (slice: Buffer) => void): void {
  let rest: Buffer | undefined;
  const read = (bytes: Buffer) => {
    for (let start = 0; start < bytes.length && !socket.destroyed; start += SLICE_BYTES) {
      if (start === TURN_BYTES && !socket.isPaused()) {
        socket.pause();
        setImmediate(() => socket.resume());
      }
      // What was read before the end has to be parsed before it.
      if (socket.isPaused() && !socket.readableEnded) {
        rest = bytes.subarray(start);
        return;
      }
      onSlice(bytes.length > SLICE_BYTES ? bytes.subarray(start, start + SLICE_BYTES) : bytes);
    }
  };
  const readRest = () => {
    const bytes = rest;
    rest = undefined;
    if (bytes) read(bytes);
  };
  socket.on('data', read).on('resume', readRest).prependListener('end', readRest);
}

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
