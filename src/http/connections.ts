import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createOpenHeads, type OpenHeads } from './open-heads.ts';
import { createLinger, type Linger, readSlices } from './sockets.ts';

/** How many slices of a body are parsed before its handler reads it. */
const UNREAD_SLICES = 4;

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
    endWith: (socket: object, answer: () => string) => connectionOf(socket).endWith(answer),
  };
}

function watchSocket(server: Server, socket: Socket, openHeads: OpenHeads, linger: Linger) {
  const [parse] = socket.listeners('data') as [(bytes: Buffer) => void];
  let current: { request: IncomingMessage; response: ServerResponse } | undefined;
  let unreadSlices = 0;
  /** The last answer is due or given: nothing more is parsed. */
  let isLast = false;
  const drop = linger.watch(socket, () => (isLast = true));
  // The time-out of Node.js begins anew with every byte, such as that of an empty line.
  const idleMs = server.keepAliveTimeout + server.keepAliveTimeoutBuffer;
  const idle = setTimeout(() => !current && !openHeads.has(socket) && socket.destroy(), idleMs);
  // Node.js takes its own listener away from a tunnel.
  socket
    .on('error', () => {})
    .on('close', () => {
      clearTimeout(idle);
      openHeads.delete(socket);
    });
  /** The client may send again what was not answered (RFC 9112 section 9.3.2). */
  const endAfterAnswer = () => {
    isLast = true;
    if (!current?.response.headersSent) current?.response.setHeader('connection', 'close');
  };
  const answered = () => {
    const isCutShort = current?.request.complete === false;
    current = undefined;
    if (isLast || isCutShort) socket.destroySoon();
    else idle.refresh();
  };
  readSlices(socket.off('data', parse), (slice) => {
    const isHead = current?.request.complete !== false && !isEmptyLines(slice);
    if (current && isHead) endAfterAnswer();
    if (isLast) return drop(slice);
    parse(slice);
    if (isHead && !current && !isLast && openHeads.add(socket, slice)) {
      const error = Object.assign(new Error('too many headers'), { code: 'HPE_HEADER_OVERFLOW' });
      server.emit('clientError', error, socket);
    }
    const isUnread = current?.request.readableFlowing === null && !current.request.complete;
    if (isUnread && ++unreadSlices > UNREAD_SLICES) socket.pause();
  });
  return {
    handle(handler: RequestListener, request: IncomingMessage, response: ServerResponse): void {
      if (current) return void endAfterAnswer();
      openHeads.delete(socket);
      current = { request, response };
      unreadSlices = 0;
      response.on('close', answered);
      handler(request, response);
    },
    endWith(answer: () => string): void {
      if (isLast) return;
      if (current?.request.complete) return void endAfterAnswer();
      if (!current?.response.headersSent) socket.write(answer());
      socket.destroySoon();
    },
    isStalled: () => !current || socket.writableLength > 0,
  };
}

function isEmptyLines(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x0d || byte === 0x0a);
}
