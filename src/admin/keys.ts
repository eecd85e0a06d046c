import type { FastifyRequest } from 'fastify';
import type { Author } from '../directory/store.ts';

/** Who makes the changes of a request. */
export function authorOf(request: FastifyRequest): Author {
  return { actor: 'admin', requestId: request.id };
}
