import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  ACCESS_DENIALS,
  type AccessRequest,
  type AccessService,
  ENTRY_DENIALS,
  type Explanation,
} from '../access/access.ts';
import { UnknownMomentError } from '../directory/changes.ts';
import type { Database } from '../directory/database.ts';
import { checkEvening } from '../directory/evening.ts';
import { entriesOf, type ListPage, listEntries } from '../directory/search.ts';
import { invalidRequest } from '../errors.ts';
import {
  countrySchema,
  roomIdSchema,
  unixSecondsSchema,
  userIdSchema,
  videoIdSchema,
} from '../identifiers.ts';
import { MOMENT_RULE, parseMoment } from '../time.ts';
import { required } from './resources.ts';
import { flagSchema, REFUSED } from './schemas.ts';

export type ExplainOptions = {
  database: Database;
  service: Pick<AccessService, 'explain' | 'explainPast' | 'explainEntry'>;
  /** Where a user was at the last decision that this replica remembers. */
  countryOf(userId: string): string | undefined;
  /** Unix seconds. */
  now(): number;
};

const PAGE_FILMS = 100;
const MAX_RUNTIME_SECONDS = 86_400;
/** Countries of a room with many members. */
const MAX_PREFLIGHT_BYTES = 16 * 1024 * 1024;

const explanationSchema = z
  .object({
    decision: z.unknown().meta({ description: 'What the rules say.' }),
    decidedBy: z.string().nullable().meta({ description: 'The first rule that does not hold.' }),
    rules: z.array(
      z.object({
        rule: z.string(),
        holds: z.boolean().nullable().meta({ description: 'Null when it could not be checked.' }),
        fact: z.string(),
      }),
    ),
    facts: z.unknown().meta({ description: 'What the directory knows.' }),
  })
  .meta({ id: 'Explanation' });

const momentSchema = z
  .string()
  .max(64)
  .refine((text) => parseMoment(text) !== undefined, MOMENT_RULE);

function rethrowMoment(error: unknown): never {
  if (!(error instanceof UnknownMomentError)) throw error;
  throw invalidRequest(error.message, 'at');
}

/** The reasons of one decision, and the check of a whole room before the evening. */
export function explainRoutes(options: ExplainOptions): FastifyPluginAsyncZod {
  return async (app) => {
    await app.register(explainRoute(options));
    await app.register(explainEntryRoute(options));
    await app.register(preflightRoute(options));
  };
}

/** A rule about a video, where none was named and the room has none. */
function withoutVideo({ rules, decidedBy, ...explanation }: Explanation) {
  const unchecked = ['video exists', 'video is in the room'];
  return {
    ...explanation,
    rules: rules.map((one) =>
      unchecked.includes(one.rule)
        ? { ...one, holds: null, fact: 'could not be checked: the room has no videos' }
        : one,
    ),
    decidedBy: decidedBy !== null && unchecked.includes(decidedBy) ? null : decidedBy,
  };
}

const entrySchema = z
  .object({
    code: z.enum(ENTRY_DENIALS).optional().meta({ description: 'Absent when all rules hold.' }),
    decidedBy: z.string().nullable(),
    rules: explanationSchema.shape.rules,
  })
  .meta({ id: 'RoomExplanation' });

/** `GET /directory/explain/room`: the reasons of a decision about a room token. */
function explainEntryRoute({ service }: ExplainOptions): FastifyPluginAsyncZod {
  const publish = flagSchema.meta({ description: 'With true, about a token to send streams.' });
  const content = { 'application/json': { schema: entrySchema } };
  return async (app) => {
    app.get(
      '/directory/explain/room',
      {
        schema: {
          operationId: 'explainRoom',
          summary: 'Why a user may or may not log in to a room, or publish there; issues nothing',
          tags: ['Directory'],
          querystring: z.strictObject({ userId: userIdSchema, roomId: roomIdSchema, publish }),
          response: { 200: { description: 'The decision and its reasons.', content }, ...REFUSED },
        },
      },
      async ({ query: { publish, ...ids } }) =>
        required(
          await service.explainEntry?.({ ...ids, publish: publish === 'true' }),
          'explanation',
        ),
    );
  };
}

/** The reasons for each video of a room; where it has none, those about the user and the room. */
async function explainVideos(
  database: Database,
  question: Omit<AccessRequest, 'videoId'>,
  explain: (question: AccessRequest) => Promise<Explanation>,
) {
  const links = [entriesOf('videoIds', question.roomId)];
  const videos = [];
  let after: string | null = '';
  do {
    const query = { after, limit: PAGE_FILMS };
    const page: ListPage<'video'> = await listEntries(database, 'video', query, links);
    for (const { id: videoId } of page.entries) {
      videos.push({ videoId, ...(await explain({ ...question, videoId })) });
    }
    after = page.next;
  } while (after !== null);
  if (videos.length > 0) return { videos };
  const none = await explain({ ...question, videoId: '' });
  return { videos: [{ videoId: null, ...withoutVideo(none) }] };
}

function explainRoute({ database, service, now }: ExplainOptions): FastifyPluginAsyncZod {
  const querystring = z.strictObject({
    userId: userIdSchema,
    roomId: roomIdSchema,
    videoId: videoIdSchema.optional().meta({ description: 'Without it: every video of the room.' }),
    country: countrySchema.optional(),
    at: momentSchema.optional().meta({
      description: 'A past moment, in RFC 3339 or Unix seconds: with the directory as it was.',
    }),
  });
  const each = explanationSchema.extend({
    videoId: z.string().nullable().meta({ description: 'Null where the room has no videos.' }),
  });
  const schema = z.union([explanationSchema, z.object({ videos: z.array(each) })]);
  const content = { 'application/json': { schema } };
  const explain = async (question: AccessRequest, at: string | undefined) => {
    if (at === undefined) return required(await service.explain?.(question, now()), 'explanation');
    const past = service.explainPast?.(question, parseMoment(at) ?? 0);
    return required(await past?.catch(rethrowMoment), 'explanation');
  };
  return async (app) => {
    app.get(
      '/directory/explain',
      {
        schema: {
          operationId: 'explainAccess',
          summary: 'Why a user may or may not watch a video in a room; issues nothing',
          description: 'Without videoId it answers for each video of the room.',
          tags: ['Directory'],
          querystring,
          response: {
            200: { description: 'The decision and its reasons.', content },
            ...REFUSED,
          },
        },
      },
      async (request) => {
        const { videoId, at, country, ...ids } = request.query;
        const question = { ...ids, country, requestId: request.id };
        return videoId === undefined
          ? explainVideos(database, question, (one) => explain(one, at))
          : explain({ ...question, videoId }, at);
      },
    );
  };
}

const decisionSchema = z.union([
  z.object({ allow: z.literal(true), notAfter: unixSecondsSchema.optional() }),
  z.object({
    allow: z.literal(false),
    code: z.enum(ACCESS_DENIALS),
    availableFrom: unixSecondsSchema.optional(),
  }),
]);

const preflightSchema = z
  .object({
    members: z.array(
      z.object({
        userId: z.string(),
        atStart: decisionSchema,
        atEnd: decisionSchema.meta({ description: 'For the last second of the film.' }),
        countryKnown: z.boolean(),
      }),
    ),
    alternatives: z.array(z.string()).meta({
      description: 'Other videos of the room that every active member could watch; at most 100.',
    }),
  })
  .meta({ id: 'Preflight' });

function preflightRoute({ database, countryOf }: ExplainOptions): FastifyPluginAsyncZod {
  const body = z.strictObject({
    roomId: roomIdSchema,
    videoId: videoIdSchema,
    startsAt: unixSecondsSchema.meta({ description: 'Unix seconds.' }),
    runtimeSeconds: z.int().min(1).max(MAX_RUNTIME_SECONDS),
    countries: z.record(z.string(), countrySchema).optional().meta({
      description:
        'Where users are. For others the country of their last decision of this replica counts.',
    }),
  });
  const content = { 'application/json': { schema: preflightSchema } };
  return async (app) => {
    app.post(
      '/directory/preflight',
      {
        config: { keyRole: 'read' },
        bodyLimit: MAX_PREFLIGHT_BYTES,
        schema: {
          operationId: 'preflight',
          summary: 'Which members of a room will be refused while a video runs; changes nothing',
          tags: ['Directory'],
          body,
          response: { 200: { description: 'A decision for each member.', content }, ...REFUSED },
        },
      },
      async ({ body: { countries = {}, ...evening } }) => {
        const known = new Map(Object.entries(countries));
        const result = await checkEvening(database, {
          ...evening,
          countryOf: (userId) => known.get(userId) ?? countryOf(userId),
        });
        return typeof result === 'string' ? required(undefined, result) : result;
      },
    );
  };
}
