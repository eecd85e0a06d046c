import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type RequestListener, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ErrorCode, invalidRequest, ServiceError } from '../../errors.ts';
import type { Answer } from '../connections.ts';
import { commonHeaders, requestIdOf } from '../request.ts';
import { type ProblemResponse, toProblemResponse } from './response.ts';

const CODE_OF_NODE_ERROR: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
};

/** Ends the connection with an answer, unless another one is due or has begun. */
type EndWith = (socket: object, answer: Answer) => void;

/** Handles Node's `clientError`. */
export type ClientErrorHandler = (error: Error & { code?: string }, socket: Duplex) => void;

/** Answers what cannot be parsed or comes too late, in the form of every other answer. */
export function createClientErrorHandler(endWith: EndWith): ClientErrorHandler {
  return (error, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const code = CODE_OF_NODE_ERROR[error.code ?? ''] ?? 'invalid_request';
    endWith(socket, (request) => toText(new ServiceError(code), request));
  };
}

/** Answers what Node.js would answer with an empty body. */
export const refuseExpectation: RequestListener = (request, response) => {
  const error = invalidRequest('Expect may only be 100-continue');
  const { headers, body } = toAnswer(error, request);
  const text = withStatus(body, 417);
  const length = Buffer.byteLength(text);
  response.writeHead(417, { ...headers, 'content-length': length, connection: 'close' }).end(text);
};

/** Answers CONNECT, for which Node.js would close the connection. */
export function refuseTunnels(server: Server, endTunnel: EndWith): void {
  server.on('connect', ({ socket }: IncomingMessage) => {
    endTunnel(socket, () => toText(new ServiceError('method_not_allowed', { allow: [] })));
  });
}

function toAnswer(error: ServiceError, request?: IncomingMessage): ProblemResponse {
  const requestId = request ? requestIdOf(request) : randomUUID();
  const { headers, ...response } = toProblemResponse(error, requestId);
  return { ...response, headers: { ...headers, ...commonHeaders(requestId) } };
}

function withStatus(body: string, status: number): string {
  return JSON.stringify({ ...JSON.parse(body), status });
}

function toText(error: ServiceError, request?: IncomingMessage): string {
  const { status, headers, body } = toAnswer(error, request);
  const lines = Object.entries({
    ...headers,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', body].join('\r\n');
}
