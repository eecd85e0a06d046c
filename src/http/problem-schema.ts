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

/** The answers of a route that refuses with these codes, by status. */
export function problemResponses(codes: readonly ErrorCode[]) {
  return Object.fromEntries(
    [...Map.groupBy(codes, (code) => PROBLEM_TYPES[code].status)].map(([status, sharing]) => [
      status,
      {
        description: sharing
          .map((code) => `\`${code}\`: ${PROBLEM_TYPES[code].detail}`)
          .join('\n\n'),
        content: { [PROBLEM_MEDIA_TYPE]: { schema: problemSchema } },
      },
    ]),
  );
}
