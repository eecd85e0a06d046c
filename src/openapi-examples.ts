import { ERROR_CODES, ServiceError } from './errors.ts';
import { toProblemResponse } from './http/problem-response.ts';
import { PROBLEM_MEDIA_TYPE, PROBLEM_TYPES } from './http/problems.ts';

const REQUEST_ID = { type: 'string', pattern: '^[\\w-]{1,64}$', maxLength: 64 };
const SECONDS = { type: 'integer', format: 'int32', minimum: 1, maximum: 86_400 };
const EXAMPLE_REQUEST_ID = '0f8fad5b-d9cb-469f-a165-70867728950e';

type Media = { examples?: Record<string, { summary: string; value: unknown }> };
type Response = { headers?: object; content?: Record<string, Media> };
type Operation = {
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, Response>;
};
export type OpenApi = { paths: Record<string, Record<string, Operation>> };

const REQUEST = { roomId: 'room_123', videoId: '249850980283048' };
const REPLY = {
  token: '04AAAAAGsFXBwAEAH/biHdpl78s9LWLNP8EJ0AsBiDZoXw3zDl8D9l…',
  expireAt: 1795513372,
};

/** The schema transform drops examples of media types, so they are put in afterwards. */
export function addExamples({ paths }: OpenApi): void {
  const operation = paths['/video-token']?.post;
  if (!operation) return;
  for (const media of Object.values(operation.requestBody?.content ?? {})) {
    media.examples = { film: { summary: 'A film in a room', value: REQUEST } };
  }
  for (const [status, response] of Object.entries(operation.responses)) {
    const problem = response.content?.[PROBLEM_MEDIA_TYPE];
    const reply = response.content?.['application/json'];
    if (problem) problem.examples = problemExamples(status);
    if (reply) reply.examples = { issued: { summary: 'Issued', value: REPLY } };
    response.headers = headersOf(status);
  }
}

function problemExamples(key: string): NonNullable<Media['examples']> {
  const codes = ERROR_CODES.filter((code) => String(PROBLEM_TYPES[code].status) === key);
  return Object.fromEntries(
    codes.map((code) => {
      const extras = {
        ...(code === 'invalid_request' && {
          errors: [{ path: '/roomId', message: 'is required' }],
        }),
        ...(code === 'video_not_started' && { availableFrom: 1800000000 }),
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
