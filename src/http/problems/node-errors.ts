import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ErrorCode, invalidRequest, ServiceError } from '../../errors.ts';
import { commonHeaders } from '../request.ts';
import { type ProblemResponse, toProblemResponse } from './response.ts';

const CODE_OF_NODE_ERROR: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
};

/** How long a refused CONNECT may take to be answered. */
const TUNNEL_MS = 5_000;

/** Calls back once the requests before are answered. */
type AfterAnswers = (socket: object, then: () => void) => void;

/** Handles Node's `clientError`. */
export type ClientErrorHandler = (error: Error & { code?: string }, socket: Duplex) => void;

/**
 * Answers bytes that never became a request, in the form of every other answer, and closes the connection.
 *
 * @param afterAnswers calls back once the requests before these bytes are answered: answers come in the
 * order of the requests (RFC 9112 section 9.3.2)
 */
export function createClientErrorHandler(afterAnswers: AfterAnswers): ClientErrorHandler {
  const refused = new WeakSet<Duplex>();
  return (error, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    // Node.js emits clientError again for every read that follows.
    if (refused.has(socket)) return;
    refused.add(socket);
    const code = CODE_OF_NODE_ERROR[error.code ?? ''] ?? 'invalid_request';
    afterAnswers(socket, () => {
      // The last answer may have closed the connection.
      if (socket.writable) answerAndClose(socket, new ServiceError(code));
    });
  };
}

/** Answers what Node.js would answer with an empty body (Expect), or not at all (CONNECT). */
export function handleExpectAndConnect(server: Server, afterAnswers: AfterAnswers): void {
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const { headers, body } = toAnswer(invalidRequest('Expect may only be 100-continue'));
    const text = withStatus(body, 417);
    const length = Buffer.byteLength(text);
    response
      .writeHead(417, { ...headers, 'content-length': length, connection: 'close' })
      .end(text);
  });
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    // Node.js has removed its own listeners and time-outs: the socket is ours to end.
    const destroy = () => void socket.destroy();
    socket.on('error', destroy).on('finish', destroy).setTimeout(TUNNEL_MS, destroy);
    afterAnswers(socket, () => {
      if (socket.writable)
        answerAndClose(socket, new ServiceError('method_not_allowed', { allow: [] }));
    });
  });
}

/** These bytes never become a request of Fastify, which would have an id. */
function toAnswer(error: ServiceError): ProblemResponse {
  const requestId = randomUUID();
  const { headers, ...response } = toProblemResponse(error, requestId);
  return { ...response, headers: { ...headers, ...commonHeaders(requestId) } };
}

function withStatus(body: string, status: number): string {
  return JSON.stringify({ ...JSON.parse(body), status });
}

function answerAndClose(socket: Duplex, error: ServiceError): void {
  const { status, headers, body } = toAnswer(error);
  const lines = Object.entries({
    ...headers,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}`);
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', body].join('\r\n'));
}
