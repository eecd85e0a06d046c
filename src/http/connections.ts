import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * How much of a connection is parsed at once. A read of Node.js, 64 KiB, can have 1,500 of the shortest
 * requests; this can have 24.
 */
const SLICE_BYTES = 1_024;

type Exchange = { request: IncomingMessage; response: ServerResponse };

/** What one connection has in progress. */
type Connection = {
  last: Exchange | undefined;
  beforeLast: Exchange | undefined;
  /** Parsed requests that wait for the answer to the one before them. */
  waiting: number;
  parse(chunk: Buffer): void;
};

/** The connections of one server. */
export type Connections = {
  /** Wraps the listener of `request`: pipelined requests are handled one after the other. */
  serialize(handle: RequestListener): RequestListener;
  /** Bounds what each connection can have in progress, and closes those whose client does not read. */
  watch(server: Server, stalledMs: number): void;
  /** Calls `then` when the complete requests of a connection have been answered. Nothing more is parsed. */
  afterAnswers(socket: object, then: () => void): void;
};

/**
 * Bounds what one connection can take by pipelining (RFC 9112 section 9.3.2): its requests are handled
 * one in an event-loop iteration, and while one of them waits the socket is not read.
 */
export function createConnections(): Connections {
  const connections = new WeakMap<object, Connection>();
  return {
    serialize: (handle) => (request, response) => {
      const { socket } = request;
      const connection = connections.get(socket) as Connection;
      connection.beforeLast = connection.last;
      connection.last = { request, response };
      // Node.js gives the socket to a response when those before it have been written.
      if (response.socket !== null) {
        handle(request, response);
        return;
      }
      connection.waiting++;
      response.once('socket', () => {
        setImmediate(() => {
          connection.waiting--;
          handle(request, response);
          parseBuffered(socket, connection);
        });
      });
    },
    watch(server, stalledMs) {
      server.on('connection', (socket) => connections.set(socket, sliceReads(socket)));
      server.setTimeout(stalledMs, (socket) => {
        const { last } = connections.get(socket) as Connection;
        // The same timer is the one of idle connections. A request that is slow has a time-out of its own.
        if (!last || isOver(last) || socket.writableLength > 0) socket.destroy();
      });
    },
    afterAnswers(socket, then) {
      const connection = connections.get(socket) as Connection;
      connection.parse = () => {};
      const { last, beforeLast } = connection;
      // A request that is cut short by what follows it gets no answer of its own.
      const awaited = last?.request.complete ? last : beforeLast;
      if (!awaited || isOver(awaited)) then();
      else awaited.response.once('close', then);
    },
  };
}

type Parse = (chunk: Buffer) => void;

/** Puts itself between the socket and the parser of Node.js, which parses whatever a read brings. */
function sliceReads(socket: Socket): Connection {
  const [parse] = socket.listeners('data') as [Parse];
  const connection: Connection = { last: undefined, beforeLast: undefined, waiting: 0, parse };
  socket.off('data', parse).on('data', (chunk: Buffer) => {
    if (chunk.length > SLICE_BYTES || connection.waiting > 0) {
      socket.pause().unshift(chunk);
      parseBuffered(socket, connection);
    }
    // Node.js takes its parser away from a socket that is closed or has become a tunnel.
    else if ('parser' in socket && socket.parser !== null) connection.parse(chunk);
  });
  return connection;
}

/** Parses what the socket has buffered until a request has to wait; reads on when none has to. */
function parseBuffered(socket: Socket, connection: Connection): void {
  while (connection.waiting === 0 && !isPausedByNode(socket)) {
    const size = Math.min(SLICE_BYTES, socket.readableLength);
    if (size === 0) return void socket.resume();
    // Emits 'data'.
    socket.read(size);
  }
}

/** Node.js waits until answers have been written, and fails when its parser is given more before. */
function isPausedByNode(socket: Socket): boolean {
  return '_paused' in socket && socket._paused === true;
}

function isOver({ response }: Exchange): boolean {
  return response.writableFinished || response.destroyed;
}
