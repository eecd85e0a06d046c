import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { invalidRequest, ServiceError } from '../errors.ts';

const MAX_HEADERS = 100;
const REQUEST_ID = /^[\w-]{1,64}$/;
const ONCE: readonly string[] = ['host', 'authorization', 'content-type'];

/** What every answer carries. */
export function commonHeaders(requestId: string) {
  return { 'x-request-id': requestId, 'x-content-type-options': 'nosniff' };
}

/** The client's X-Request-Id where it is harmless in a log line, else a new one. */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/**
 * Refuses what two parsers could read in two ways: Node takes the first of several Host or
 * Authorization headers and says nothing, and answers lines of HTTP/0.9.
 */
export function headerRefusal({
  headers,
  rawHeaders,
  httpVersion,
}: IncomingMessage): ServiceError | undefined {
  if (rawHeaders.length > 2 * MAX_HEADERS) return new ServiceError('headers_too_large');
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    return invalidRequest('unsupported HTTP version; use HTTP/1.1');
  // Its framing is faulty (RFC 9112 section 6.1).
  if (httpVersion === '1.0' && headers['transfer-encoding'] !== undefined)
    return invalidRequest('HTTP/1.0 has no Transfer-Encoding; use HTTP/1.1');
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? '';
    if (!ONCE.includes(name)) continue;
    if (seen.has(name)) return invalidRequest(`send the header ${name} once`);
    seen.add(name);
  }
  if (httpVersion === '1.1' && !seen.has('host')) return invalidRequest('send the header host');
  return undefined;
}
