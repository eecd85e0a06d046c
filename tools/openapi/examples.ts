import { ERROR_CODES, type ErrorCode, ServiceError } from '../../src/errors.ts';
import { toProblemResponse } from '../../src/http/problems/response.ts';
import { PROBLEM_MEDIA_TYPE, PROBLEM_TYPES } from '../../src/http/problems/table.ts';
import { ENTRY_CODES, VIDEO_CODES } from '../../src/http/token-route.ts';

const REQUEST_ID = { type: 'string', pattern: '^[A-Za-z0-9_\\-]{1,64}$', maxLength: 64 };
const SECONDS = { type: 'integer', format: 'int32', minimum: 1, maximum: 86_400 };
const EXAMPLE_REQUEST_ID = '0f8fad5b-d9cb-469f-a165-70867728950e';

type Media = { schema?: object; examples?: Record<string, { summary: string; value: unknown }> };
type Response = { headers?: object; content?: Record<string, Media> };
type Operation = {
  requestBody?: { description?: string; required?: boolean; content: Record<string, Media> };
  responses: Record<string, Response>;
};
export type OpenApi = {
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas: Record<string, Record<string, unknown>> };
};

const REQUEST = { roomId: 'room_123', videoId: '249850980283048' };

/**
 * Requests of User_123 in examples/directory.ndjson that cause these responses. Request and response examples are
 * matched by name.
 */
const REQUESTS: Readonly<Record<string, object>> = {
  issued: REQUEST,
  subject_mismatch: { ...REQUEST, userId: 'User_456' },
  room_not_allowed: { ...REQUEST, roomId: 'room_789' },
  video_not_allowed: { ...REQUEST, videoId: '249850980283086' },
  video_not_started: { ...REQUEST, videoId: '249850980283062' },
  video_ended: { ...REQUEST, videoId: '249850980283079' },
  region_not_allowed: { ...REQUEST, videoId: '249850980283055' },
};
const REPLY = {
  token: '04AAAAAGsFXBwAEAH/biHdpl78s9LWLNP8EJ0AsBiDZoXw3zDl8D9l…',
  expireAt: 1795513372,
};

const ENTRY_REPLY = { ...REPLY, userId: 'User_123', appId: 1234567890 };

/** The examples of each route, and the codes that it does not answer. */
const TOKENS = {
  '/video-token': {
    requests: REQUESTS,
    issued: 'A film in a room',
    reply: REPLY,
    others: ENTRY_CODES,
  },
  '/room-token': {
    requests: {
      issued: { roomId: 'room_123', publish: true },
      room_not_allowed: { roomId: 'room_789' },
    },
    issued: 'A room, to send streams',
    reply: ENTRY_REPLY,
    others: VIDEO_CODES,
  },
  '/basic-token': {
    requests: { issued: {} },
    issued: 'The signed-in user',
    reply: ENTRY_REPLY,
    others: VIDEO_CODES,
  },
};

const IMPORT = {
  description:
    'NDJSON: one JSON object per line. A line may refer to entries of earlier lines. A body without entries is refused, unless allowEmpty is true.',
  required: true,
  content: { 'application/x-ndjson': { schema: { type: 'string' } } },
};

/**
 * Adds the NDJSON body of imports and the second media type of PATCH, because the schema transform supports only one
 * media type for bodies.
 */
export function addInternalBodies({ paths }: OpenApi): void {
  const operation = paths['/directory/import']?.post;
  if (operation) operation.requestBody = IMPORT;
  for (const { patch } of Object.values(paths)) {
    const content = patch?.requestBody?.content ?? {};
    const json = content['application/json'];
    if (json) content['application/merge-patch+json'] = json;
  }
}

/** Adds examples, because the schema transform drops examples of media types. */
export function addExamples({ paths }: OpenApi): void {
  for (const [path, { requests, issued, reply, others }] of Object.entries(TOKENS)) {
    const operation = paths[path]?.post;
    if (!operation) continue;
    for (const media of Object.values(operation.requestBody?.content ?? {})) {
      media.examples = requestExamples(requests, issued);
    }
    for (const [status, response] of Object.entries(operation.responses)) {
      const problem = response.content?.[PROBLEM_MEDIA_TYPE];
      const success = response.content?.['application/json'];
      if (problem) problem.examples = problemExamples(status, others);
      if (success) success.examples = { issued: { summary: 'Issued', value: reply } };
      response.headers = headersOf(status);
    }
  }
}

function requestExamples(
  requests: Readonly<Record<string, object>>,
  issued: string,
): NonNullable<Media['examples']> {
  const summaryOf = (name: string) =>
    name === 'issued' ? issued : PROBLEM_TYPES[name as ErrorCode].title;
  return Object.fromEntries(
    Object.entries(requests).map(([name, value]) => [name, { summary: summaryOf(name), value }]),
  );
}

function problemExamples(
  key: string,
  others: readonly ErrorCode[],
): NonNullable<Media['examples']> {
  const codes = ERROR_CODES.filter(
    (code) => String(PROBLEM_TYPES[code].status) === key && !others.includes(code),
  );
  return Object.fromEntries(
    codes.map((code) => {
      const extras = {
        ...(code === 'invalid_request' && {
          errors: [{ path: '/roomId', message: 'is required' }],
        }),
        ...(code === 'video_not_started' && { availableFrom: 4102444800 }),
      };
      const { body } = toProblemResponse(new ServiceError(code, extras), EXAMPLE_REQUEST_ID);
      return [code, { summary: PROBLEM_TYPES[code].title, value: JSON.parse(body) }];
    }),
  );
}

function headersOf(status: string) {
  const header = (description: string, schema: object) => ({ description, schema });
  const text = { type: 'string', maxLength: 200 };
  return {
    'X-Request-Id': header('The id of the request in the log of the service.', REQUEST_ID),
    'Access-Control-Allow-Origin': header(
      'The origin of the page, where CORS_ORIGINS has it.',
      text,
    ),
    ...(status === '401' && { 'WWW-Authenticate': header('Bearer (RFC 6750).', text) }),
    ...((status === '429' || status === '503') && {
      'Retry-After': header('Seconds to wait before trying again.', SECONDS),
    }),
  };
}

const QUESTION = {
  userId: 'User_123',
  ...REQUEST,
  country: 'SG',
  requestId: EXAMPLE_REQUEST_ID,
  issuer: 'https://login.example',
  subject: 'User_123',
};
const ANSWERS = {
  allow: { allow: true, notAfter: REPLY.expireAt },
  unlimited: { allow: true },
  not_started: { allow: false, code: 'video_not_started', availableFrom: 4102444800 },
  region: { allow: false, code: 'region_not_allowed' },
};

/** Adds examples, and says again that an answer has no other fields, because {@link OpenApi} documents are tidied of it. */
export function completeBackendApi(document: OpenApi): void {
  const operation = document.paths['/video-access']?.post;
  const question = operation?.requestBody?.content['application/json'];
  const answer = operation?.responses['200']?.content?.['application/json'];
  if (question) {
    const { videoId: _videoId, ...entry } = QUESTION;
    question.examples = {
      question: { summary: 'A film in a room', value: QUESTION },
      room: { summary: 'A room', value: { kind: 'room', ...entry, publish: false } },
    };
  }
  if (answer) {
    answer.examples = Object.fromEntries(
      Object.entries(ANSWERS).map(([name, value]) => [name, { summary: name, value }]),
    );
  }
  for (const name of ['Allow', 'Deny', 'AllowEntry', 'DenyEntry']) {
    const schema = document.components?.schemas[name];
    if (schema) schema.additionalProperties = false;
  }
}
