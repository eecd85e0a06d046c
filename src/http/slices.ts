import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Linger } from './linger.ts';
import type { OpenHeads } from './open-heads.ts';

/** A read of Node.js, 64 KiB, can hold 1,700 of the shortest requests. */
const SLICE_BYTES = 1_024;
/** How much of a connection is parsed before other connections have their turn: 16 kB in 1-byte chunks take 15 ms. */
const TURN_BYTES = 4 * SLICE_BYTES;
const TURNS_PER_ITERATION = 8;
/** How many slices of a body are parsed before its handler reads it. */
const UNREAD_SLICES = 4;
/** After the client half-closes: how often to check whether the handler is ready for more of the body. */
const END_POLL_MS = 10;

/** Calls back in a later event-loop iteration. */
type NextTurn = (turn: () => void) => void;

/** What the connections of a server share. */
export type SharedState = { openHeads: OpenHeads; linger: Linger; nextTurn: NextTurn };

/** Gives connections with much to parse their turns, a few in each event-loop iteration. */
export function createTurns(): NextTurn {
  const waiting: (() => void)[] = [];
  const takeTurns = () => {
    for (const turn of waiting.splice(0, TURNS_PER_ITERATION)) turn();
    if (waiting.length > 0) setImmediate(takeTurns);
  };
  return (turn) => {
    if (waiting.push(turn) === 1) setImmediate(takeTurns);
  };
}

/** The state of a connection. */
export type State = {
  current: { request: IncomingMessage; response: ServerResponse } | undefined;
  unreadSlices: number;
  /** No further requests are parsed: the current response, or one already sent, is the last. */
  isClosing: boolean;
};

/** Closes the connection after the current response; the client may retry the other requests (RFC 9112 section 9.3.2). */
export function closeAfterResponse(state: State): void {
  state.isClosing = true;
  const response = state.current?.response;
  if (!response?.headersSent) response?.setHeader('connection', 'close');
}

/** Passes what the socket reads to the parser of Node.js in slices; by itself the parser takes a whole read at once. */
export function parseSlices(
  server: Server,
  socket: Socket,
  state: State,
  { openHeads, nextTurn }: Pick<SharedState, 'openHeads' | 'nextTurn'>,
  drop: (slice: Buffer) => void,
): void {
  const [parse] = socket.listeners('data') as [(bytes: Buffer) => void];
  const onSlice = (slice: Buffer) => {
    const isHead = state.current?.request.complete !== false && !isEmptyLines(slice);
    if (state.current && isHead) closeAfterResponse(state);
    if (state.isClosing) return drop(slice);
    parse(slice);
    const { current, isClosing } = state;
    if (isHead && !current && !isClosing && openHeads.add(socket, slice)) {
      const error = Object.assign(new Error('too many headers'), { code: 'HPE_HEADER_OVERFLOW' });
      server.emit('clientError', error, socket);
    }
    const isUnread = current?.request.readableFlowing === null && !current.request.complete;
    if (isUnread && ++state.unreadSlices > UNREAD_SLICES) socket.pause();
  };
  const canTake = () => state.isClosing || !state.current || isWanted(state.current.request);
  readSlices(socket.off('data', parse), onSlice, canTake, nextTurn);
}

function isWanted(request: IncomingMessage): boolean {
  const { complete, readableFlowing, readableLength, readableHighWaterMark } = request;
  return complete || (readableFlowing !== null && readableLength < readableHighWaterMark);
}

function isEmptyLines(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x0d || byte === 0x0a);
}

/**
 * Forwards incoming bytes in slices until a slice pauses the socket.
 *
 * @param canTake is polled after a half-close, when no `resume` event comes
 */
function readSlices(
  socket: Socket,
  onSlice: (slice: Buffer) => void,
  canTake: () => boolean,
  nextTurn: NextTurn,
): void {
  const [onEnd] = socket.listeners('end').slice(-1) as [() => void];
  let rest: Buffer | undefined;
  let isWaiting = false;
  const read = (bytes: Buffer) => {
    for (let start = 0; start < bytes.length && !socket.destroyed; start += SLICE_BYTES) {
      if (start === TURN_BYTES && !socket.isPaused()) {
        isWaiting = true;
        socket.pause();
        nextTurn(() => {
          isWaiting = false;
          socket.resume();
        });
      }
      if (socket.readableEnded ? start === TURN_BYTES || !canTake() : socket.isPaused()) {
        rest = bytes.subarray(start);
        return;
      }
      onSlice(bytes.length > SLICE_BYTES ? bytes.subarray(start, start + SLICE_BYTES) : bytes);
    }
  };
  const readRest = () => {
    // A body that is read resumes its socket.
    if (isWaiting) return void socket.pause();
    const bytes = rest;
    rest = undefined;
    if (bytes) read(bytes);
  };
  const finish = () => {
    readRest();
    if (!rest) onEnd();
    else if (!socket.destroyed) setTimeout(finish, END_POLL_MS);
  };
  socket.on('data', read).on('resume', readRest).off('end', onEnd).on('end', finish);
}
