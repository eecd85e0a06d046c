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

/** Why bytes on a connection are not a request. The first two come from a wrong setting of a load balancer. */
export type ClientErrorKind =
  | 'tls'
  | 'proxy_protocol'
  | 'headers_too_large'
  | 'timeout'
  | 'malformed';

const KIND_OF_CODE: Readonly<Record<string, ClientErrorKind>> = {
  headers_too_large: 'headers_too_large',
  request_timeout: 'timeout',
};

/** A TLS handshake record (RFC 8446 section 5.1); the two versions of HAProxy's PROXY protocol. */
const FOREIGN_PROTOCOLS: readonly [ClientErrorKind, Buffer][] = [
  ['tls', Buffer.from([0x16, 0x03])],
  ['proxy_protocol', Buffer.from('PROXY ')],
  ['proxy_protocol', Buffer.from('\r\n\r\n\0\r\nQUIT\n')],
];

/** Ends the connection with a response, unless another response is pending or has started. */
type EndWith = (socket: object, answer: Answer) => void;

/** Handles the `clientError` event of Node.js. */
export type ClientErrorHandler = (error: ClientError, socket: Duplex) => void;

/** `rawPacket`: the bytes that could not be parsed. */
type ClientError = Error & { code?: string; rawPacket?: unknown };

/** Responds to requests that cannot be parsed or time out, with a problem like any other error. */
export function createClientErrorHandler(
  endWith: EndWith,
  onClientError: (kind: ClientErrorKind) => void = () => {},
): ClientErrorHandler {
  return (error, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const code = CODE_OF_NODE_ERROR[error.code ?? ''] ?? 'invalid_request';
    onClientError(KIND_OF_CODE[code] ?? kindOf(error.rawPacket));
    endWith(socket, (request) => toText(new ServiceError(code), request));
  };
}

function kindOf(bytes: unknown): ClientErrorKind {
  if (!(bytes instanceof Uint8Array)) return 'malformed';
  const startsWith = (start: Buffer) => start.equals(bytes.subarray(0, start.length));
  return FOREIGN_PROTOCOLS.find(([, start]) => startsWith(start))?.[0] ?? 'malformed';
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
