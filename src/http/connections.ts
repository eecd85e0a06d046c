import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createLinger, type Linger } from './linger.ts';
import { createOpenHeads, type OpenHeads } from './open-heads.ts';
import { endAfterAnswer, parseSlices, type State } from './slices.ts';

/** Makes an answer, to the request that it is about or to bytes that became none. */
export type Answer = (request: IncomingMessage | undefined) => string;

type Connection = ReturnType<typeof watchSocket>;

/** Gives each request of a server one answer, and bounds what a connection can take (RFC 9112 section 9). */
export function createConnections() {
  const connections = new WeakMap<object, Connection>();
  const connectionOf = (socket: object) => connections.get(socket) as Connection;
  const openHeads = createOpenHeads();
  const linger = createLinger();
  return {
    /** Wraps a listener: it gets the requests of a connection one at a time. */
    oneAtATime(handler: RequestListener): RequestListener {
      return (request, response) => connectionOf(request.socket).handle(handler, request, response);
    },
    /** Watches connections, and closes those whose client sends or reads nothing for `stalledMs` when it should. */
    watch(server: Server, stalledMs: number): void {
      server.on('connection', (socket) => {
        connections.set(socket, watchSocket(server, socket, openHeads, linger));
      });
      server.setTimeout(stalledMs, (socket) => {
        if (connectionOf(socket).isStalled()) socket.destroy();
      });
    },
    /** Ends a connection with this answer, or with the one that is due or has begun. */
    endWith: (socket: object, answer: Answer) => connectionOf(socket).endWith(answer),
    /** The same for a connection that asked for a tunnel. */
    endTunnel(socket: object, answer: Answer): void {
      connectionOf(socket).becomeTunnel();
      connectionOf(socket).endWith(answer);
    },
  };
}

function watchSocket(server: Server, socket: Socket, openHeads: OpenHeads, linger: Linger) {
  const state: State = { current: undefined, unreadSlices: 0, isLast: false };
  const drop = linger.watch(socket, () => (state.isLast = true));
  const isIdle = () => !state.current && !openHeads.has(socket);
  // The time-out of Node.js begins anew with every byte, such as that of an empty line.
  const idleMs = server.keepAliveTimeout + server.keepAliveTimeoutBuffer;
  const idle = setTimeout(() => isIdle() && socket.destroy(), idleMs);
  const isStalled = () => !state.current || socket.writableLength > 0;
  const answered = () => {
    const isCutShort = state.current?.request.complete === false;
    state.current = undefined;
    if (state.isLast || isCutShort) socket.destroySoon();
    else idle.refresh();
  };
  // Node.js takes its own listener away from a tunnel.
  socket
    .on('error', () => {})
    .on('close', () => {
      clearTimeout(idle);
      openHeads.delete(socket);
    });
  parseSlices(server, socket, state, openHeads, drop);
  return {
    isStalled,
    handle(handler: RequestListener, request: IncomingMessage, response: ServerResponse): void {
      if (state.current) return void endAfterAnswer(state);
      openHeads.delete(socket);
      Object.assign(state, { current: { request, response }, unreadSlices: 0 });
      response.on('close', answered);
      handler(request, response);
    },
    endWith(answer: Answer): void {
      const { current, isLast } = state;
      if (isLast) return;
      if (current?.request.complete) return void endAfterAnswer(state);
      if (!current?.response.headersSent) socket.write(answer(current?.request));
      socket.destroySoon();
    },
    /** Node.js has taken its listeners away; the answer that is due needs these. */
    becomeTunnel(): void {
      socket.on('drain', () => state.current?.response.emit('drain'));
      socket.on('timeout', () => isStalled() && socket.destroy());
    },
  };
}
