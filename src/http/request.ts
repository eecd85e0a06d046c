import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, preParsingHookHandler } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { createByteBuffer } from '../bytes.ts';
import { type FieldError, invalidRequest, ServiceError } from '../errors.ts';

/** Longest body of a request, unless its route says otherwise. */
export const BODY_LIMIT_BYTES = 16 * 1024;

/** Most header lines of a request. */
export const MAX_HEADERS = 100;
const REQUEST_ID = /^[\w-]{1,64}$/;
const SINGLE_HEADERS: readonly string[] = ['host', 'authorization', 'content-type'];
const BEARER = /^bearer +([\w\-.~+/]+=*)$/i;
const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?$/i;
const BOM = 0xfeff;

/** The client's X-Request-Id where it is harmless in a log line, else a new one, which the request keeps. */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  if (typeof given === 'string' && REQUEST_ID.test(given)) return given;
  const id = randomUUID();
  headers['x-request-id'] = id;
  return id;
}

/** What every answer carries. */
export function commonHeaders(requestId: string) {
  return { 'x-request-id': requestId, 'x-content-type-options': 'nosniff' };
}

/**
 * Refuses what two parsers could read in two ways: Node.js takes the first of several Host or
 * Authorization headers without an error, and answers lines of HTTP/0.9.
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

/** A hook that refuses, before the body is read, what only looks like JSON in UTF-8 to a tolerant parser. */
export const requireJson: preParsingHookHandler = ({ headers }, _reply, _payload, done) => {
  const isJson =
    headers['content-encoding'] === undefined && JSON_TYPE.test(headers['content-type'] ?? '');
  done(isJson ? null : new ServiceError('unsupported_media_type'));
};

/** Replaces Fastify's parsers by one for JSON that turns no byte into another. */
export function addJsonParser(app: FastifyInstance): void {
  const parseText = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', (request, payload, done) => {
    readBody(payload, request.routeOptions.bodyLimit, (error, body) => {
      if (!body) return void done(error);
      const text = body.toString('utf8');
      // Two ids that differ in an invalid byte would both become U+FFFD, and so the same.
      if (isUtf8(body) && text.charCodeAt(0) !== BOM) parseText(request, text, done);
      else done(invalidRequest('must be UTF-8 without a byte order mark'));
    });
  });
}

/** Reads a body of at most so many bytes. */
function readBody(
  payload: IncomingMessage,
  limit: number,
  done: (error: Error | null, body?: Buffer) => void,
): void {
  const declared = Number(payload.headers['content-length'] ?? 0);
  if (declared > limit) return void done(new ServiceError('body_too_large'));
  // No event would come any more.
  if (payload.destroyed) return void done(payload.errored);
  const body = createByteBuffer(declared);
  const settle = (error: Error | null) => {
    payload.off('data', add).off('end', end).off('error', settle);
    if (error) done(error);
    else done(null, body.take());
  };
  const end = () => settle(null);
  const add = (piece: Buffer) => {
    if (body.length() + piece.length > limit) settle(new ServiceError('body_too_large'));
    else body.add(piece);
  };
  if (!payload.complete) return void payload.on('data', add).on('end', end).on('error', settle);
  // It came with its head: no event has to be waited for.
  for (let piece = payload.read(); piece !== null; piece = payload.read()) body.add(piece);
  if (body.length() > limit) done(new ServiceError('body_too_large'));
  else done(null, body.take());
}

/** What the schema found, by the path of the field (RFC 6901). */
export function fieldErrors(error: unknown): FieldError[] | undefined {
  if (!hasZodFastifySchemaValidationErrors(error)) return undefined;
  return error.validation.map(({ instancePath, message = '' }) => ({
    // Zod's compiler says `/` for the whole, which would be the field with an empty name.
    path: instancePath === '/' ? '' : instancePath,
    message,
  }));
}
