import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createLinger } from './linger.ts';
import { createOpenHeads } from './open-heads.ts';
import {
  closeAfterResponse,
  createTurns,
  parseSlices,
  type SharedState,
  type State,
} from './slices.ts';

/** Builds the raw response to a request, or to bytes that could not be parsed as one. */
export type Answer = (request: IncomingMessage | undefined) => string;

type Connection = ReturnType<typeof watchSocket>;

/** Sends one response per request, and bounds the memory and time of each connection (RFC 9112 section 9). */
export function createConnections() {
  const connections = new WeakMap<object, Connection>();
  const connectionOf = (socket: object) => connections.get(socket) as Connection;
  const shared = {
    openHeads: createOpenHeads(),
    linger: createLinger(),
    nextTurn: createTurns(),
  };
  return {
    /** Wraps a request listener, which then gets one request of a connection at a time. */
    oneAtATime(handler: RequestListener): RequestListener {
      return (request, response) => connectionOf(request.socket).handle(handler, request, response);
    },
    /** Watches the connections of a server; closes those whose client neither sends nor reads for `stalledMs`. */
    watch(server: Server, stalledMs: number): void {
      server.on('connection', (socket) => {
        connections.set(socket, watchSocket(server, socket, shared));
      });
      server.setTimeout(stalledMs, (socket) => {
        if (connectionOf(socket).isStalled()) socket.destroy();
      });
    },
    /** Closes a connection with this response, or with the one that is pending or has started. */
    endWith: (socket: object, answer: Answer) => connectionOf(socket).endWith(answer),
    /** The same for a connection that sent CONNECT. */
    endTunnel(socket: object, answer: Answer): void {
      connectionOf(socket).becomeTunnel();
      connectionOf(socket).endWith(answer);
    },
  };
}

function watchSocket(server: Server, socket: Socket, shared: SharedState) {
  const { openHeads, linger } = shared;
  const state: State = { current: undefined, unreadSlices: 0, isClosing: false };
  const drop = linger.watch(socket, () => (state.isClosing = true));
  const isIdle = () => !state.current && !openHeads.has(socket);
  // The keep-alive timeout of Node.js restarts with every byte, even of an empty line.
  const idleMs = server.keepAliveTimeout + server.keepAliveTimeoutBuffer;
  const idle = setTimeout(() => isIdle() && socket.destroy(), idleMs);
  const isStalled = () => !state.current || socket.writableLength > 0;
  const answered = () => {
    const isCutShort = state.current?.request.complete === false;
    state.current = undefined;
    if (state.isClosing || isCutShort) socket.destroySoon();
    else idle.refresh();
  };
  // Node.js removes its own listener from a CONNECT socket.
  socket
    .on('error', () => {})
    .on('close', () => {
      clearTimeout(idle);
      openHeads.delete(socket);
    });
  parseSlices(server, socket, state, shared, drop);
  return {
    isStalled,
    handle(handler: RequestListener, request: IncomingMessage, response: ServerResponse): void {
      if (state.current) return void closeAfterResponse(state);
      openHeads.delete(socket);
      Object.assign(state, { current: { request, response }, unreadSlices: 0 });
      response.on('close', answered);
      handler(request, response);
    },
    endWith(answer: Answer): void {
      const { current, isClosing } = state;
      if (isClosing) return;
      if (current?.request.complete) return void closeAfterResponse(state);
      if (!current?.response.headersSent) socket.write(answer(current?.request));
      socket.destroySoon();
    },
    /** Node.js removes its listeners from a CONNECT socket; restores the two that a pending response needs. */
    becomeTunnel(): void {
      socket.on('drain', () => state.current?.response.emit('drain'));
      socket.on('timeout', () => isStalled() && socket.destroy());
    },
  };
}
