import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ERROR_CODES, ServiceError } from '../errors.ts';
import { roomIdSchema, userIdSchema, videoIdSchema } from '../identifiers.ts';
import { type Decision, type DecisionFilter, matches, type RecentDecisions } from './decisions.ts';
import { isStillValid, type KeyOptions, visitorOf } from './keys.ts';
import { limitSchema, nextSchema, positionSchema } from './lists.ts';
import { REFUSED } from './schemas.ts';

const EVENT_STREAM = 'text/event-stream';
/** Proxies end an answer that says nothing for a minute. */
const HEARTBEAT_MS = 15_000;
const MAX_STREAMS = 32;
/** Of one reader that reads slower than decisions come. */
const MAX_WAITING_BYTES = 256 * 1024;

const filterShape = {
  event: z.enum(['video_token', 'room_token', 'basic_token']).optional(),
  outcome: z.enum(['issued', 'denied', 'failed']).optional(),
  code: z.enum([...ERROR_CODES, 'issued', 'aborted']).optional(),
  requestId: z
    .string()
    .regex(/^(?:\w|-){1,64}$/)
    .optional()
    .meta({ description: 'The reference that a viewer reads.' }),
  userId: userIdSchema.optional(),
  roomId: roomIdSchema.optional(),
  videoId: videoIdSchema.optional(),
};

const decisionSchema = z
  .looseObject({
    position: z.int().meta({ description: 'Counts the decisions of this process.' }),
    time: z.string().meta({ description: 'RFC 3339.' }),
    replica: z.string().meta({ description: 'The host name of the replica that decided.' }),
    event: z.string(),
    requestId: z.string(),
    outcome: z.enum(['issued', 'denied', 'failed']),
    code: z.string().meta({ description: 'issued, aborted, or the code of the refusal.' }),
  })
  .meta({ id: 'Decision', description: 'The fields of its line in the log.' });

const listSchema = z
  .object({
    decisions: z.array(decisionSchema),
    replica: z.string(),
    next: nextSchema,
  })
  .meta({ id: 'Decisions' });

/** The last decisions of this replica, as a list and as events. */
export function decisionRoutes(
  decisions: RecentDecisions,
  options: KeyOptions,
): FastifyPluginAsyncZod {
  const tags = ['Decisions'];
  const querystring = z.strictObject({
    ...filterShape,
    after: positionSchema,
    limit: limitSchema,
  });
  const content = { 'application/json': { schema: listSchema } };
  return async (app) => {
    app.get(
      '/decisions',
      {
        schema: {
          operationId: 'listDecisions',
          summary: 'The last 500 decisions of this replica, newest first',
          ...{ tags, querystring },
          response: { 200: { description: 'A page of decisions.', content }, ...REFUSED },
        },
      },
      async ({ query: { after, limit, ...filter } }) => {
        const page = decisions.list(filter, limit, after === undefined ? after : Number(after));
        const next = page.length === limit ? String(page.at(-1)?.position) : null;
        return { decisions: page, replica: decisions.replica, next };
      },
    );
    const events = { [EVENT_STREAM]: { schema: z.any() } };
    let open = 0;
    app.get(
      '/decisions/events',
      {
        schema: {
          operationId: 'watchDecisions',
          summary: 'Decisions of this replica as they are made (server-sent events)',
          description:
            'Each event is named decision, its id is the position, its data the JSON of a decision. Last-Event-ID continues where a reader left. Ends when the replica drains, and when the key or session does.',
          tags,
          querystring: z.strictObject(filterShape),
          response: { 200: { description: 'Events.', content: events }, ...REFUSED },
        },
      },
      async (request, reply) => {
        if (open >= MAX_STREAMS) throw new ServiceError('rate_limited', TOO_MANY);
        open++;
        const stream = watch(decisions, request.query, lastEventId(request), () =>
          isStillValid(visitorOf(request), options),
        );
        const { socket } = request.raw;
        const leave = () => stream.destroy();
        // A client that ends its side could still read; a reader of events does not.
        socket.once('end', leave);
        stream.once('close', () => {
          socket.off('end', leave);
          open--;
        });
        return reply.type(EVENT_STREAM).header('x-accel-buffering', 'no').send(stream);
      },
    );
  };
}

const TOO_MANY = {
  detail: `This replica has ${MAX_STREAMS} readers of events already; close one.`,
  retryAfter: 60,
};

/** Where a reader left, so that it misses nothing between two connections. */
function lastEventId({ headers }: FastifyRequest): number | undefined {
  const id = headers['last-event-id'];
  const { data } = positionSchema.safeParse(id);
  return data === undefined ? undefined : Number(data);
}

function watch(
  decisions: RecentDecisions,
  filter: DecisionFilter,
  start: number | undefined,
  isAllowed: () => boolean,
): Readable {
  const stream = new Readable({ read() {} });
  const send = (text: string) => {
    stream.push(text);
    if (stream.readableLength > MAX_WAITING_BYTES) stream.destroy();
  };
  const decided = (decision: Decision) => {
    if (matches(decision, filter)) send(toEvent(decision));
  };
  send(': the decisions of this replica\n\n');
  if (start !== undefined) decisions.since(start, filter).forEach(decided);
  const heartbeat = setInterval(() => {
    if (isAllowed()) send(':\n\n');
    else ended();
  }, HEARTBEAT_MS).unref();
  const unsubscribe = decisions.subscribe({ decided, ended: () => ended() });
  const stop = () => {
    clearInterval(heartbeat);
    unsubscribe();
  };
  function ended(): void {
    stop();
    stream.push(null);
  }
  return stream.once('close', stop);
}

/** JSON escapes line breaks, which would end the field. */
function toEvent(decision: Decision): string {
  return `id: ${decision.position}\nevent: decision\ndata: ${JSON.stringify(decision)}\n\n`;
}
