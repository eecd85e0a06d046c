import type { FastifyInstance } from 'fastify';
import { z } from 'zod';

/** The load balancer should send requests only in the state `ready`. */
export type Lifecycle = 'starting' | 'ready' | 'draining';

export type HealthOptions = {
  lifecycle(): Lifecycle;
  /** True when this replica cannot write its audit log. */
  auditBlocked?(): boolean;
  /** True when the SQLite file of this replica is gone. */
  directoryGone?: (() => boolean) | undefined;
  /** Whether each dependency answered the last call. */
  dependencies(): Record<string, boolean>;
};

const healthSchema = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });

const readinessSchema = z
  .object({
    status: z.enum(['starting', 'ready', 'draining', 'blocked']),
    dependencies: z.record(z.string().meta({ maxLength: 64 }), z.enum(['up', 'down'])),
  })
  .meta({
    id: 'Readiness',
    description:
      'A dependency that is down does not make the service unready: all replicas would leave at once. `blocked`: this replica cannot write its audit log, or its SQLite file is gone.',
  });

/** `GET /healthz` and `GET /readyz`, without rate limits and authentication. */
export function addHealthRoutes(
  app: FastifyInstance,
  { lifecycle, dependencies, auditBlocked = never, directoryGone = never }: HealthOptions,
): void {
  app.get(
    '/healthz',
    {
      schema: {
        operationId: 'getHealth',
        tags: ['Operations'],
        summary: 'Is the process alive?',
        security: [],
        response: { 200: described('It is.', healthSchema) },
      },
    },
    async () => ({ status: 'ok' as const }),
  );

  app.get(
    '/readyz',
    {
      schema: {
        operationId: 'getReadiness',
        tags: ['Operations'],
        summary: 'Should the load balancer send requests here?',
        security: [],
        response: {
          200: described('Ready.', readinessSchema),
          503: described('Starting, draining or blocked.', readinessSchema),
        },
      },
    },
    async (_request, reply) => {
      const state = lifecycle();
      const isBlocked = auditBlocked() || directoryGone();
      const status = state === 'ready' && isBlocked ? 'blocked' : state;
      const states = Object.entries(dependencies()).map(([name, up]) => [name, up ? 'up' : 'down']);
      reply.code(status === 'ready' ? 200 : 503);
      return { status, dependencies: Object.fromEntries(states) };
    },
  );
}

const never = () => false;

function described<T extends z.ZodType>(description: string, schema: T) {
  return { description, content: { 'application/json': { schema } } };
}
