import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ServiceError } from '../errors.ts';
import { requireHost, requireHttps, requireSameOrigin } from './browser.ts';
import { type KeyOptions, type Visitor, visitorOf } from './keys.ts';
import { REFUSED } from './schemas.ts';
import { setSessionCookie } from './sessions.ts';

const sessionSchema = z
  .object({
    name: z.string().meta({ description: 'The name of the key.' }),
    role: z.enum(['read', 'write']),
    expiresAt: z
      .int()
      .nullable()
      .meta({ description: 'Unix seconds; null for a key in the header Authorization.' }),
    directory: z.boolean().meta({ description: 'False in the modes http and claims.' }),
    tokenTtlSeconds: z.int().meta({ description: 'How long a token lives at most.' }),
  })
  .meta({ id: 'Session' });

/** Sign-in of a browser with a key; a cookie stands for the key until it ends or the key goes. */
export function sessionRoutes(
  options: KeyOptions,
  about: { directory: boolean; tokenTtlSeconds: number },
): FastifyPluginAsyncZod {
  const content = { 'application/json': { schema: sessionSchema } };
  const response = { 200: { description: 'Who is signed in.', content }, ...REFUSED };
  const config = { keyRole: 'read' as const };
  const describe = ({ key: { name, role }, expiresAt }: Visitor) => ({
    ...{ name, role, ...about },
    expiresAt: expiresAt ?? null,
  });
  const common = { tags: ['Session'] };
  return async (app) => {
    app.get(
      '/session',
      { schema: { ...common, operationId: 'getSession', summary: 'Whose key is it?', response } },
      async (request) => describe(visitorOf(request)),
    );
    app.post(
      '/session',
      {
        config,
        schema: {
          ...common,
          operationId: 'signIn',
          summary: 'Take a session cookie for the key in the header Authorization',
          response,
        },
      },
      async (request, reply) => describe(signIn(request, reply, options)),
    );
    app.delete(
      '/session',
      {
        config,
        schema: {
          ...common,
          operationId: 'signOut',
          summary: 'End the session of this browser',
          response: {
            204: z.null().meta({ description: 'The cookie is deleted.' }),
            ...REFUSED,
          },
        },
      },
      async (request, reply) => {
        const address = options.addressOf(request);
        if (address) {
          reply.header('set-cookie', setSessionCookie('', address.port, address.isHttps));
        }
        return reply.code(204).send(null);
      },
    );
  };
}

function signIn(request: FastifyRequest, reply: FastifyReply, options: KeyOptions): Visitor {
  const { key, expiresAt } = visitorOf(request);
  // A session that could renew itself would never end.
  if (expiresAt !== undefined) throw new ServiceError('credential_missing');
  const address = options.addressOf(request);
  requireHttps(address);
  requireHost(address, options.hosts);
  requireSameOrigin(request, true);
  const { value, ...session } = options.sessions.start(key, options.now());
  reply.header('set-cookie', setSessionCookie(value, address.port, address.isHttps));
  return session;
}
