import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, preParsingHookHandler } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { type FieldError, invalidRequest, ServiceError } from '../errors.ts';

export const BODY_LIMIT_BYTES = 16 * 1024;

const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?$/i;
const BOM = 0xfeff;

/** Refuses what only looks like JSON in UTF-8 to a tolerant parser, before a byte of it is read. */
export const requireJson: preParsingHookHandler = ({ headers }, _reply, _payload, done) => {
  const isJson =
    headers['content-encoding'] === undefined && JSON_TYPE.test(headers['content-type'] ?? '');
  done(isJson ? null : new ServiceError('unsupported_media_type'));
};

/** Replaces Fastify's parsers by one for JSON that turns no byte into another. */
export function addJsonParser(app: FastifyInstance): void {
  const parseText = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = body as Buffer;
    const text = bytes.toString('utf8');
    // Two ids that differ in an invalid byte would both become U+FFFD, and so the same.
    if (isUtf8(bytes) && text.charCodeAt(0) !== BOM) parseText(request, text, done);
    else done(invalidRequest('must be UTF-8 without a byte order mark'));
  });
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
