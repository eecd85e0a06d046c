import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { CHANGE_TYPES, readChanges } from '../directory/changes.ts';
import { ServiceError } from '../errors.ts';
import { plainText, roomIdSchema, userIdSchema } from '../identifiers.ts';
import { preconditionOf } from './etag.ts';
import { type ExplainOptions, explainRoutes } from './explain.ts';
import { authorOf } from './keys.ts';
import { limitSchema, listRoutes, nextSchema, positionSchema } from './lists.ts';
import { NO_CONTENT, type ResourceOptions, required, resourceRoutes } from './resources.ts';
import { changeSchema, flagSchema, REFUSED } from './schemas.ts';
import { transferRoutes } from './transfer.ts';

export type DirectoryOptions = ResourceOptions & ExplainOptions;

/** The directory API: users, rooms, videos, import and export, explain. */
export function directoryRoutes(options: DirectoryOptions): FastifyPluginAsyncZod {
  return async (app) => {
    await app.register(resourceRoutes(options));
    await app.register(memberRoutes(options));
    await app.register(transferRoutes(options));
    await app.register(explainRoutes(options));
    await app.register(listRoutes(options));
    await app.register(changesRoute(options));
  };
}

const UNKNOWN_MEMBER =
  'There is no such user in the directory; correct the id, or add ?create=true to create the user.';

function memberRoutes({ store }: DirectoryOptions): FastifyPluginAsyncZod {
  const url = '/directory/rooms/:roomId/members/:userId';
  const params = z.object({ roomId: roomIdSchema, userId: userIdSchema });
  const create = flagSchema.meta({ description: 'With true, an unknown user is created.' });
  const response = { ...NO_CONTENT, ...REFUSED };
  const common = { params, response, tags: ['Directory'] };
  return async (app) => {
    app.put(
      url,
      {
        schema: {
          ...common,
          operationId: 'putMember',
          summary: 'Make a user a member of a room',
          querystring: z.strictObject({ create }),
        },
      },
      async (request, reply) => {
        const { roomId, userId } = request.params;
        const create = request.query.create === 'true';
        const check = preconditionOf(request);
        const missing = await store.putMember(authorOf(request), roomId, userId, create, check);
        if (missing === 'user') throw new ServiceError('not_found', { detail: UNKNOWN_MEMBER });
        required(missing === undefined || undefined, 'room');
        return reply.code(204).send(null);
      },
    );
    app.delete(
      url,
      { schema: { ...common, operationId: 'deleteMember', summary: 'Take a user out of a room' } },
      async (request, reply) => {
        const { roomId, userId } = request.params;
        const check = preconditionOf(request);
        const done = await store.deleteMember(authorOf(request), roomId, userId, check);
        required(done || undefined, 'member');
        return reply.code(204).send(null);
      },
    );
  };
}

const changesSchema = z
  .object({
    changes: z.array(changeSchema),
    next: nextSchema,
  })
  .meta({ id: 'DirectoryChanges' });

function changesRoute({ database }: DirectoryOptions): FastifyPluginAsyncZod {
  const querystring = z.strictObject({
    type: z.enum(CHANGE_TYPES).optional(),
    id: plainText().min(1).max(128).optional().meta({
      description: 'Of an entry, or of the room of a member or of a video.',
    }),
    actor: plainText().min(1).max(128).optional(),
    after: positionSchema,
    limit: limitSchema,
  });
  const content = { 'application/json': { schema: changesSchema } };
  return async (app) => {
    app.get(
      '/directory/changes',
      {
        schema: {
          operationId: 'listChanges',
          summary: 'Who changed what, newest first',
          tags: ['Directory'],
          querystring,
          response: { 200: { description: 'A page of changes.', content }, ...REFUSED },
        },
      },
      async ({ query }) => readChanges(database, query),
    );
  };
}
