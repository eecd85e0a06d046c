import { hash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { invalidRequest, ServiceError } from '../errors.ts';

/** RFC 9110 section 8.8.3, strong ones; a weak one never matches here. */
const LIST = /^\s*(?:W\/)?"[\x21\x23-\x7e]*"(?:\s*,\s*(?:W\/)?"[\x21\x23-\x7e]*")*\s*$/;
const ANY = '*';

/** The ETag of a content. */
export function etagOfBytes(content: string | Uint8Array): string {
  return `"${hash('sha256', content).slice(0, 32)}"`;
}

/** The ETag of what GET answers. */
export function etagOf(value: unknown): string {
  return etagOfBytes(JSON.stringify(value));
}

/** Throws unless the request may change what is there now. */
export type Precondition = (current: unknown) => void;

/**
 * The condition of If-Match (RFC 9110 section 13.1.1); undefined without that header.
 *
 * @returns a function that throws {ServiceError} `precondition_failed`
 * @throws {ServiceError} `invalid_request`
 */
export function preconditionOf({ headers }: FastifyRequest): Precondition | undefined {
  const given = headers['if-match'];
  if (given === undefined) return undefined;
  if (given.trim() !== ANY && !LIST.test(given)) {
    throw invalidRequest('If-Match must be the ETag of a GET, or *');
  }
  const etags = given.split(',').map((etag) => etag.trim());
  return (current) => {
    const matches =
      current !== undefined && (etags.includes(ANY) || etags.includes(etagOf(current)));
    if (!matches) throw new ServiceError('precondition_failed');
  };
}
