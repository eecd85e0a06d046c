import { z } from 'zod';
import { ERROR_CODES, type ErrorCode, INTERNAL_CODES } from '../../errors.ts';
import { MAX_ERROR_LENGTH, MAX_ERRORS, type ProblemDetails } from './response.ts';
import { ACTIONS, PROBLEM_MEDIA_TYPE, PROBLEM_TYPES } from './table.ts';

const problemSchema = z
  .object({
    type: z.string().meta({ description: 'urn:zego-video-token:problem:<code>', maxLength: 100 }),
    title: z.string().meta({ maxLength: 100 }),
    status: z.int().meta({ minimum: 400, maximum: 599 }),
    detail: z
      .string()
      .meta({ description: 'A sentence for the developer who reads it.', maxLength: 1000 }),
    code: z.enum(ERROR_CODES).meta({ description: 'What is wrong; programs branch on it.' }),
    action: z.enum(ACTIONS).meta({ description: 'What the client should do.' }),
    requestId: z.string().meta({ description: 'Also in the log of the service.', maxLength: 64 }),
    errors: z
      .array(
        z.object({
          path: z.string().meta({ maxLength: MAX_ERROR_LENGTH }),
          message: z.string().meta({ maxLength: MAX_ERROR_LENGTH }),
        }),
      )
      .optional()
      .meta({ description: 'With status 400: the rules that were broken.', maxItems: MAX_ERRORS }),
    availableFrom: z
      .int()
      .optional()
      .meta({ description: 'With video_not_started: Unix seconds at which the window opens.' }),
  })
  .meta({ id: 'Problem', description: 'A refusal (RFC 9457).' });

const internalProblemSchema = problemSchema
  .extend({
    code: z
      .enum([...ERROR_CODES, ...INTERNAL_CODES])
      .meta({ description: 'What is wrong; programs branch on it.' }),
  })
  .meta({ id: 'InternalProblem', description: 'A refusal (RFC 9457).' });

/** The response schemas for these codes, by status. `details` replaces the default ones. */
export function problemResponses(codes: readonly ErrorCode[], details: ProblemDetails = {}) {
  const isInternal = INTERNAL_CODES.some((code) => codes.includes(code));
  const schema = isInternal ? internalProblemSchema : problemSchema;
  return Object.fromEntries(
    [...Map.groupBy(codes, (code) => PROBLEM_TYPES[code].status)].map(([status, sharing]) => [
      status,
      {
        description: sharing
          .map((code) => `\`${code}\`: ${details[code] ?? PROBLEM_TYPES[code].detail}`)
          .join('\n\n'),
        content: { [PROBLEM_MEDIA_TYPE]: { schema } },
      },
    ]),
  );
}
