import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * How much of a connection is parsed at once. A read of Node.js, 64 KiB, can have 1,500 of the shortest
 * requests; this can have 50, and 12 once it had several: few enough for V8 to collect them young.
 */
const SLICE_BYTES = 1_024;
const PIPELINED_SLICE_BYTES = 256;

/**
 * How many waiting requests of all connections are started in one event-loop iteration. An iteration accepts one
 * new connection, so a long one delays the others.
 */
const MAX_STARTS = 16;

type Exchange = { request: IncomingMessage; response: ServerResponse };

/** What one connection has in progress. */
type Connection = {
  last: Exchange | undefined;
  previous: Exchange | undefined;
  /** Parsed requests that wait for the answer to the one before them. */
  waiting: number;
  sliceBytes: number;
  parse(chunk: Buffer): void;
};

/** The connections of one server. */
export type Connections = {
  /** Wraps the listener of `request`: pipelined requests are handled one after the other. */
  handleInOrder(handle: RequestListener): RequestListener;
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
  const startLater = createStartQueue();
  return {
    handleInOrder: (handle) => (request, response) => {
      const { socket } = request;
      const connection = connections.get(socket) as Connection;
      connection.previous = connection.last;
      connection.last = { request, response };
      // Node.js gives the socket to a response when those before it have been written.
      if (response.socket !== null) {
        handle(request, response);
        return;
      }
      connection.waiting++;
      if (connection.waiting > 1) connection.sliceBytes = PIPELINED_SLICE_BYTES;
      response.once('socket', () => {
        startLater(() => {
          connection.waiting--;
          // A request whose client has left meanwhile is as if it had never been read.
          if (response.destroyed || socket.destroyed) return;
          handle(request, response);
          parseBuffered(socket, connection);
        });
      });
    },
    watch(server, stalledMs) {
      server.on('connection', (socket) => connections.set(socket, sliceReads(socket)));
      server.setTimeout(stalledMs, (socket) => {
        const { last } = connections.get(socket) as Connection;
        // Node.js uses this timer for idle connections, too. A request that arrives slowly is ended by requestTimeout.
        if (!last || isOver(last) || socket.writableLength > 0) socket.destroy();
      });
    },
    afterAnswers(socket, then) {
      const connection = connections.get(socket) as Connection;
      connection.parse = () => {};
      const { last, previous } = connection;
      // A request that is cut short by what follows it gets no answer of its own.
      const awaited = last?.request.complete ? last : previous;
      if (!awaited || isOver(awaited)) then();
      else awaited.response.once('close', then);
    },
  };
}

/** Calls what it is given in later event-loop iterations, a few in each. */
function createStartQueue(): (start: () => void) => void {
  const starts: (() => void)[] = [];
  let isScheduled = false;
  function schedule(): void {
    if (isScheduled || starts.length === 0) return;
    isScheduled = true;
    setImmediate(startSome);
  }
  function startSome(): void {
    isScheduled = false;
    for (const start of starts.splice(0, MAX_STARTS)) start();
    schedule();
  }
  return (start) => {
    starts.push(start);
    schedule();
  };
}

type Parse = (chunk: Buffer) => void;

/** Puts itself between the socket and the parser of Node.js, which parses whatever a read brings. */
function sliceReads(socket: Socket): Connection {
  const [parse] = socket.listeners('data') as [Parse];
  const connection: Connection = {
    last: undefined,
    previous: undefined,
    waiting: 0,
    sliceBytes: SLICE_BYTES,
    parse,
  };
  socket.off('data', parse).on('data', (chunk: Buffer) => {
    if (chunk.length > connection.sliceBytes || connection.waiting > 0) {
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
    const size = Math.min(connection.sliceBytes, socket.readableLength);
    if (size === 0) return void socket.resume();
    // Emits 'data'. Node.js resumes the socket after each request, and would read another 64 KiB.
    socket.read(size);
    socket.pause();
  }
}

/** Node.js waits until answers have been written, and fails when its parser is given more before. */
function isPausedByNode(socket: Socket): boolean {
  return '_paused' in socket && socket._paused === true;
}

function isOver({ response }: Exchange): boolean {
  return response.writableFinished || response.destroyed;
}
