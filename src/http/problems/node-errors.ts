import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type RequestListener, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ErrorCode, invalidRequest, ServiceError } from '../../errors.ts';
import { commonHeaders } from '../request.ts';
import { type ProblemResponse, toProblemResponse } from './response.ts';

const CODE_OF_NODE_ERROR: Readonly<Record<string, ErrorCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
};

/** Ends the connection with an answer, unless another one is due or has begun. */
type EndWith = (socket: object, answer: () => string) => void;

/** Handles Node's `clientError`. */
export type ClientErrorHandler = (error: Error & { code?: string }, socket: Duplex) => void;

/** Answers bytes that never became a request, in the form of every other answer. */
export function createClientErrorHandler(endWith: EndWith): ClientErrorHandler {
  return (error, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const code = CODE_OF_NODE_ERROR[error.code ?? ''] ?? 'invalid_request';
    endWith(socket, () => toText(new ServiceError(code)));
  };
}

/** Answers what Node.js would answer with an empty body. */
export const refuseExpectation: RequestListener = (_request, response) => {
  const { headers, body } = toAnswer(invalidRequest('Expect may only be 100-continue'));
  const text = withStatus(body, 417);
  const length = Buffer.byteLength(text);
  response.writeHead(417, { ...headers, 'content-length': length, connection: 'close' }).end(text);
};

/** Answers CONNECT, for which Node.js would close the connection. */
export function refuseTunnels(server: Server, endWith: EndWith): void {
  server.on('connect', ({ socket }: IncomingMessage) => {
    endWith(socket, () => toText(new ServiceError('method_not_allowed', { allow: [] })));
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

function toText(error: ServiceError): string {
  const { status, headers, body } = toAnswer(error);
  const lines = Object.entries({
    ...headers,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', body].join('\r\n');
}
