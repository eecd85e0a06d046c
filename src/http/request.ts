import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, preParsingHookHandler } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { createByteBuffer } from '../bytes.ts';
import { type FieldError, invalidRequest, ServiceError } from '../errors.ts';

/** Default maximum body size. */
export const BODY_LIMIT_BYTES = 16 * 1024;

/** Maximum number of header lines. */
export const MAX_HEADERS = 100;
const REQUEST_ID = /^[\w-]{1,64}$/;
const SINGLE_HEADERS: readonly string[] = ['host', 'authorization', 'content-type'];
const BEARER = /^bearer +([\w\-.~+/]+=*)$/i;
const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?$/i;
const BOM = 0xfeff;

/** The client's X-Request-Id if it is safe to log, else a new UUID, which is stored in the request. */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  if (typeof given === 'string' && REQUEST_ID.test(given)) return given;
  const id = randomUUID();
  headers['x-request-id'] = id;
  return id;
}

/** The headers of every response. */
export function commonHeaders(requestId: string) {
  return { 'x-request-id': requestId, 'x-content-type-options': 'nosniff' };
}

/**
 * Refuses ambiguous requests, which proxies may parse differently: Node.js accepts duplicate Host and
 * Authorization headers, using the first, and HTTP/0.9.
 */
export function headerRefusal({
  headers,
  rawHeaders,
  httpVersion,
}: IncomingMessage): ServiceError | undefined {
  if (rawHeaders.length > 2 * MAX_HEADERS) return new ServiceError('headers_too_large');
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    return invalidRequest('unsupported HTTP version; use HTTP/1.1');
  // RFC 9112 section 6.1: the framing of such a message is faulty.
  if (httpVersion === '1.0' && headers['transfer-encoding'] !== undefined)
    return invalidRequest('HTTP/1.0 has no Transfer-Encoding; use HTTP/1.1');
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (!SINGLE_HEADERS.includes(name)) continue;
    if (seen.has(name)) return invalidRequest(`send the header ${name} once`);
    seen.add(name);
  }
  if (httpVersion === '1.1' && !seen.has('host')) return invalidRequest('send the header host');
  return undefined;
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return (headers['content-length'] ?? headers['transfer-encoding']) !== undefined;
}

/**
 * The token in an Authorization header (RFC 6750 section 2.1).
 *
 * @throws {ServiceError} `credential_missing`, or `credential_invalid` for anything but one Bearer token
 */
export function readBearer(authorization: string | undefined): string {
  if (authorization === undefined) throw new ServiceError('credential_missing');
  const token = BEARER.exec(authorization)?.[1];
  if (token !== undefined) return token;
  throw new ServiceError('credential_invalid', { reason: { code: 'not_bearer' } });
}

/** Hook that requires uncompressed application/json in UTF-8, before the body is read. */
export const requireJson: preParsingHookHandler = ({ headers }, _reply, _payload, done) => {
  const isJson =
    headers['content-encoding'] === undefined && JSON_TYPE.test(headers['content-type'] ?? '');
  done(isJson ? null : new ServiceError('unsupported_media_type'));
};

/** Replaces Fastify's body parsers by a JSON parser that refuses invalid UTF-8 and byte order marks. */
export function addJsonParser(app: FastifyInstance, types = ['application/json']): void {
  const parseText = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(types, (request, payload, done) => {
    // Fastify builds the options anew at each access.
    readBody(
      payload,
      () => request.routeOptions.bodyLimit,
      (error, body) => {
        if (!body) return void done(error);
        const text = body.toString('utf8');
        // Invalid bytes become U+FFFD, so two different ids could become equal.
        if (isUtf8(body) && text.charCodeAt(0) !== BOM) parseText(request, text, done);
        else done(invalidRequest('must be UTF-8 without a byte order mark'));
      },
    );
  });
}

/** @param limitOf the limit of the route, never less than {@link BODY_LIMIT_BYTES} */
function readBody(
  payload: IncomingMessage,
  limitOf: () => number,
  done: (error: Error | null, body?: Buffer) => void,
): void {
  const declared = Number(payload.headers['content-length'] ?? 0);
  const isTooLong = (length: number) => length > BODY_LIMIT_BYTES && length > limitOf();
  if (isTooLong(declared)) return void done(new ServiceError('body_too_large'));
  // A destroyed stream emits no more events.
  if (payload.destroyed) return void done(payload.errored);
  const body = createByteBuffer(declared);
  const settle = (error: Error | null) => {
    payload.off('data', add).off('end', end).off('error', settle);
    if (error) done(error);
    else done(null, body.take());
  };
  const end = () => settle(null);
  const add = (chunk: Buffer) => {
    if (isTooLong(body.length() + chunk.length)) settle(new ServiceError('body_too_large'));
    else body.add(chunk);
  };
  if (!payload.complete) return void payload.on('data', add).on('end', end).on('error', settle);
  // The body arrived with the headers: read it synchronously.
  for (let chunk = payload.read(); chunk !== null; chunk = payload.read()) body.add(chunk);
  if (isTooLong(body.length())) done(new ServiceError('body_too_large'));
  else done(null, body.take());
}

/** Converts schema validation errors; paths are JSON Pointers (RFC 6901). */
export function fieldErrors(error: unknown): FieldError[] | undefined {
  if (!hasZodFastifySchemaValidationErrors(error)) return undefined;
  return error.validation.map(({ instancePath, message = '' }) => ({
    // fastify-type-provider-zod uses `/` for the root, which RFC 6901 defines as the field "".
    path: instancePath === '/' ? '' : instancePath,
    message,
  }));
}
