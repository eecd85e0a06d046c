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

/** Ends the connection with a response, unless another response is pending or has started. */
type EndWith = (socket: object, answer: Answer) => void;

/** Handles the `clientError` event of Node.js. */
export type ClientErrorHandler = (error: Error & { code?: string }, socket: Duplex) => void;

/** Responds to requests that cannot be parsed or time out, with a problem like any other error. */
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

/** Responds 417 with a problem; Node.js would send an empty body. */
export const refuseExpectation: RequestListener = (request, response) => {
  const error = invalidRequest('Expect may only be 100-continue');
  const { headers, body } = toAnswer(error, request);
  const text = withStatus(body, 417);
  const length = Buffer.byteLength(text);
  response.writeHead(417, { ...headers, 'content-length': length, connection: 'close' }).end(text);
};

/** Responds to CONNECT; without a listener Node.js would close the connection. */
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
