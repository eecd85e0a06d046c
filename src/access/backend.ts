import { z } from 'zod';
import { BREAKER_PROBE_EVERY_MS, watchDependency } from '../dependency.ts';
import { ServiceError } from '../errors.ts';
import { fetchText, StatusError } from '../fetch.ts';
import {
  countrySchema,
  roomIdSchema,
  unixSecondsSchema,
  userIdSchema,
  videoIdSchema,
} from '../identifiers.ts';
import { unknownFields } from '../messages/unknown-fields.ts';
import {
  ACCESS_DENIALS,
  type AccessDecision,
  type AccessRequest,
  type AccessService,
  ENTRY_DENIALS,
  type EntryDecision,
  type EntryRequest,
} from './access.ts';

const MAX_BYTES = 16 * 1024;

const PROBE = { userId: 'probe', roomId: 'probe', country: undefined, requestId: 'probe' };

export type BackendOptions = {
  url: string;
  /** Sent as a Bearer token; the backend must compare it. */
  secret: string;
  timeoutMs: number;
  /** Fields of an answer that the contract does not know and that have no say. */
  ignoredFields?: readonly string[];
  /** Called with the unknown fields of a denial; in an `allow: true` they fail the request. */
  onUnknownField?(fields: string): void;
};

/** The question to the backend. */
export const questionSchema = z
  .object({
    userId: userIdSchema.meta({ description: 'The user, with the id that ZEGO knows.' }),
    roomId: roomIdSchema,
    videoId: videoIdSchema,
    country: countrySchema
      .nullable()
      .meta({ description: 'The country of the client (COUNTRY_HEADER); null when unknown.' }),
    requestId: z.string().max(64).meta({
      description: 'Also in the audit log of the service, and in its answer to the client.',
    }),
    issuer: z.string().max(2048).nullable().meta({
      description: "The claim `iss` of the client's JWT; null without AUTH_ISSUER or a preset.",
    }),
    subject: z.string().max(2048).nullable().meta({
      description:
        "The user claim of the client's JWT, which userId is a hash of with AUTH_USER_ID=hash.",
    }),
  })
  .meta({ id: 'Question' });

const allowSchema = z
  .strictObject({
    allow: z.literal(true),
    notAfter: unixSecondsSchema.optional().meta({
      description:
        'Unix seconds. The token ends then at the latest. Without it, no licence ends it.',
    }),
  })
  .meta({ id: 'Allow' });

const denySchema = z
  .strictObject({
    allow: z.literal(false),
    code: z.enum(ACCESS_DENIALS).meta({ description: 'The client gets this code.' }),
    availableFrom: unixSecondsSchema.optional().meta({
      description: 'With video_not_started: Unix seconds at which the licence begins.',
    }),
  })
  .meta({ id: 'Deny' });

/** The answer of the backend. */
export const answerSchema = z.discriminatedUnion('allow', [allowSchema, denySchema]);

const looseAnswerSchema = z.discriminatedUnion('allow', [allowSchema.strip(), denySchema.strip()]);

const common = { country: true, requestId: true, issuer: true, subject: true } as const;

/** The question about a token for a room. */
export const roomQuestionSchema = z
  .object({ kind: z.literal('room'), ...questionSchema.pick({ userId: true, roomId: true }).shape })
  .extend({ publish: z.boolean().meta({ description: 'The user wants to send streams.' }) })
  .extend(questionSchema.pick(common).shape)
  .meta({ id: 'RoomQuestion' });

/** The question about a token for any room. */
export const basicQuestionSchema = z
  .object({ kind: z.literal('basic'), ...questionSchema.pick({ userId: true }).shape })
  .extend(questionSchema.pick(common).shape)
  .meta({ id: 'BasicQuestion' });

const KIND = 'Repeats the kind of the question: a backend that does not know kinds allows nothing.';

const allowEntrySchema = z
  .strictObject({
    allow: z.literal(true),
    kind: z.enum(['room', 'basic']).meta({ description: KIND }),
    publish: z.boolean().optional().meta({
      description: 'False where the user may enter and not send streams.',
    }),
    notAfter: unixSecondsSchema.optional().meta({
      description: 'Unix seconds. The token ends then at the latest.',
    }),
  })
  .meta({ id: 'AllowEntry' });

const denyEntrySchema = z
  .strictObject({
    allow: z.literal(false),
    code: z.enum(ENTRY_DENIALS).meta({ description: 'The client gets this code.' }),
  })
  .meta({ id: 'DenyEntry' });

/** The answer to a question with a kind. */
export const entryAnswerSchema = z.discriminatedUnion('allow', [allowEntrySchema, denyEntrySchema]);

const looseEntrySchema = z.discriminatedUnion('allow', [
  allowEntrySchema.partial({ kind: true }).strip(),
  denyEntrySchema.strip(),
]);

/**
 * The team's own backend decides. No valid decision in time is `dependency_unavailable`. A circuit breaker for each
 * kind of token opens when half of its requests fail, and lets one through every 5 s: a backend that does not know
 * rooms yet still answers for videos.
 */
export function createBackendAccess(options: BackendOptions): AccessService {
  const askForProbe = () => ask(options, { ...PROBE, videoId: 'probe' });
  const kinds = {
    video: watchBackend(askForProbe),
    room: watchBackend(() => askEntry(options, { ...PROBE, kind: 'room', publish: false })),
    basic: watchBackend(() => askEntry(options, { ...PROBE, kind: 'basic' })),
  };
  return {
    check: (request) => kinds.video.decide(() => ask(options, request)),
    checkEntry: (request) => kinds[request.kind].decide(() => askEntry(options, request)),
    async probe() {
      try {
        await askForProbe();
      } catch (cause) {
        if (!isClientError(cause)) kinds.video.down();
        throw asUnavailable(cause);
      }
    },
    healthy: kinds.video.healthy,
    entryHealthy: (kind) => kinds[kind].healthy(),
    async close() {
      for (const { close } of Object.values(kinds)) close();
    },
  };
}

/** The breaker and the health of one kind of question; `askForProbe` asks about ids that do not exist. */
function watchBackend(askForProbe: () => Promise<unknown>) {
  const { ask, ...backend } = watchDependency({
    ask: (send: () => Promise<unknown>) => send(),
    // A 4xx response also proves that the backend is reachable; a wrong answer is one that all requests get.
    probe: () =>
      askForProbe().catch((error) => {
        if (error instanceof ServiceError || !isClientError(error)) throw error;
      }),
    probeEveryMs: BREAKER_PROBE_EVERY_MS,
    isClientError,
  });
  return {
    ...backend,
    async decide<T>(send: () => Promise<T>): Promise<T> {
      try {
        return (await ask(send)) as T;
      } catch (cause) {
        // A 4xx also counts as down until the next response: this request got no decision.
        backend.down();
        throw asUnavailable(cause);
      }
    },
  };
}

function asUnavailable(cause: unknown): ServiceError {
  return cause instanceof ServiceError
    ? cause
    : new ServiceError('dependency_unavailable', { cause });
}

/**
 * Most 4xx, and an unknown field of an answer, concern one request and must not open the breaker; 401 and 405 concern
 * our secret and the URL.
 */
function isClientError(error: unknown): boolean {
  if (error instanceof ServiceError) return true;
  if (!(error instanceof StatusError)) return false;
  const { status } = error;
  return status >= 400 && status < 500 && ![401, 405, 408, 429].includes(status);
}

async function ask(options: BackendOptions, request: AccessRequest): Promise<AccessDecision> {
  const { userId, roomId, videoId } = request;
  return readAnswer(
    await send(options, { userId, roomId, videoId, ...contextOf(request) }),
    options,
  );
}

async function askEntry(options: BackendOptions, request: EntryRequest): Promise<EntryDecision> {
  const { kind, userId } = request;
  const about = request.kind === 'room' ? { roomId: request.roomId, publish: request.publish } : {};
  const answer = await send(options, { kind, userId, ...about, ...contextOf(request) });
  return readEntryAnswer(answer, request, options);
}

/** What every question says of the client. */
function contextOf({
  requestId,
  ...request
}: Pick<AccessRequest, 'requestId'> & Partial<AccessRequest>) {
  const { country = null, issuer = null, subject = null } = request;
  return { country, requestId, issuer, subject };
}

async function send(
  { url, secret, timeoutMs }: BackendOptions,
  question: object,
): Promise<unknown> {
  const text = await fetchText(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify(question),
    maxBytes: MAX_BYTES,
    timeoutMs,
  });
  return JSON.parse(text);
}

/**
 * Reads the answer of a backend to a question with a kind.
 *
 * @throws {ServiceError} `dependency_unavailable` for an `allow: true` with an unknown field or without the kind
 * @throws {z.ZodError}
 */
function readEntryAnswer(
  value: unknown,
  request: EntryRequest,
  { ignoredFields = [], onUnknownField }: Pick<BackendOptions, 'ignoredFields' | 'onUnknownField'>,
): EntryDecision {
  const answer = looseEntrySchema.parse(value);
  const { publish: _, ...basic } = allowEntrySchema.shape;
  const allowed = request.kind === 'room' ? allowEntrySchema.shape : basic;
  const known = Object.keys(answer.allow ? allowed : denyEntrySchema.shape);
  const unknown = unknownFields(value as object, known, ignoredFields);
  const publish = request.kind === 'room' && request.publish;
  if (!answer.allow) {
    if (unknown !== undefined) onUnknownField?.(unknown);
    // The client would be told to enter without sending streams, which is what it asked for.
    if (publish || answer.code !== 'publish_not_allowed') return answer;
    throw wrongReply('a code for a question without "publish": true', answer.code);
  }
  if (unknown !== undefined) throw wrongReply(known.join(', '), unknown);
  if (answer.kind !== request.kind) {
    throw wrongReply(`"kind": "${request.kind}"`, answer.kind ?? 'no kind');
  }
  if (publish && answer.publish === false) {
    return { allow: false, code: 'publish_not_allowed' };
  }
  const { notAfter } = answer;
  return { allow: true, ...(notAfter !== undefined && { notAfter }) };
}

function wrongReply(expected: string, received: string): ServiceError {
  const reason = { code: 'backend_reply', expected, received };
  return new ServiceError('dependency_unavailable', { reason });
}

/**
 * Reads the answer of a backend.
 *
 * @throws {ServiceError} `dependency_unavailable` for an `allow: true` with an unknown field, which may be a mistyped
 *   limit
 * @throws {z.ZodError}
 */
export function readAnswer(
  value: unknown,
  { ignoredFields = [], onUnknownField }: Pick<BackendOptions, 'ignoredFields' | 'onUnknownField'>,
): AccessDecision {
  const answer = looseAnswerSchema.parse(value) as AccessDecision;
  const known = Object.keys((answer.allow ? allowSchema : denySchema).shape);
  const unknown = unknownFields(value as object, known, ignoredFields);
  if (unknown !== undefined && answer.allow) {
    throw wrongReply(known.join(', '), unknown);
  }
  if (unknown !== undefined) onUnknownField?.(unknown);
  return answer;
}
