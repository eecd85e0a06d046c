import type { Socket } from 'node:net';
import { MAX_HEADERS } from './request.ts';
import { destroyOldest } from './sockets.ts';

/** Each takes up to 20 kB. */
const MAX_OPEN_HEADS = 1_024;
const LF = 0x0a;

/** The connections of a server whose request head is incomplete. */
export type OpenHeads = {
  /**
   * Counts what is read of a head. Beyond 1,024 connections the one that began first is destroyed.
   *
   * @returns whether the head has more lines than a request may have
   */
  add(socket: Socket, slice: Buffer): boolean;
  has(socket: Socket): boolean;
  delete(socket: Socket): void;
};

export function createOpenHeads(): OpenHeads {
  const linesOf = new Map<Socket, number>();
  return {
    add(socket, slice) {
      const lines = slice.reduce(
        (count, byte) => (byte === LF ? count + 1 : count),
        linesOf.get(socket) ?? 0,
      );
      linesOf.set(socket, lines);
      destroyOldest(linesOf, MAX_OPEN_HEADS);
      // The request line is one.
      return lines > MAX_HEADERS + 1;
    },
    has: (socket) => linesOf.has(socket),
    delete: (socket) => void linesOf.delete(socket),
  };
}
