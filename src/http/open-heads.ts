import type { Socket } from 'node:net';
import { destroyOldest } from './linger.ts';
import { MAX_HEADERS } from './request.ts';

/** Each takes up to 20 kB. */
const MAX_OPEN_HEADS = 1_024;
const CR = 0x0d;
const LF = 0x0a;

/** The connections of a server whose request head is incomplete. */
export type OpenHeads = {
  /**
   * Counts the lines of an incomplete head. Destroys the oldest of more than 1,024 connections.
   *
   * @returns whether the head exceeds the limit of header lines
   */
  add(socket: Socket, slice: Buffer): boolean;
  has(socket: Socket): boolean;
  delete(socket: Socket): void;
};

export function createOpenHeads(): OpenHeads {
  const linesOf = new Map<Socket, number>();
  return {
    add(socket, slice) {
      const known = linesOf.get(socket);
      // Empty lines before a request are not part of it (RFC 9112 section 2.2).
      const start = known === undefined ? slice.findIndex((byte) => byte !== CR && byte !== LF) : 0;
      const found = slice.subarray(start).filter((byte) => byte === LF);
      const lines = (known ?? 0) + found.length;
      linesOf.set(socket, lines);
      destroyOldest(linesOf, MAX_OPEN_HEADS);
      // The request line is one.
      return lines > MAX_HEADERS + 1;
    },
    has: (socket) => linesOf.has(socket),
    delete: (socket) => void linesOf.delete(socket),
  };
}
