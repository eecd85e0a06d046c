import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../errors.ts';
import { ACTIONS, PROBLEM_MEDIA_TYPE, PROBLEM_TYPES } from './problems.ts';

const problemSchema = z
  .object({
    type: z.string().meta({ description: 'urn:zego-video-token:problem:<code>' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'A sentence for the developer who reads it.' }),
    code: z.enum(ERROR_CODES).meta({ description: 'What is wrong; programs branch on it.' }),
    action: z.enum(ACTIONS).meta({ description: 'What the client should do.' }),
    requestId: z.string().meta({ description: 'Also in the log of the service.' }),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'With status 400: the rules that were broken.' }),
    availableFrom: z
      .int()
      .optional()
      .meta({ description: 'With video_not_started: Unix seconds at which the window opens.' }),
  })
  .meta({ id: 'Problem', description: 'A refusal (RFC 9457).' });

/** Codes that other addresses and methods answer with. */
const ELSEWHERE: readonly ErrorCode[] = ['not_found', 'method_not_allowed'];

/** The problems of the API by status; `default` has those of other addresses and methods. */
export const problemResponses = Object.fromEntries(
  [...Map.groupBy(ERROR_CODES, responseKey)].map(([key, codes]) => [
    key,
    {
      description: codes.map((code) => `\`${code}\`: ${PROBLEM_TYPES[code].detail}`).join('\n\n'),
      content: { [PROBLEM_MEDIA_TYPE]: { schema: problemSchema } },
    },
  ]),
);

/** The key of a code among the responses of an operation. */
export function responseKey(code: ErrorCode): string {
  return ELSEWHERE.includes(code) ? 'default' : String(PROBLEM_TYPES[code].status);
}
