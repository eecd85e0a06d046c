import { problemResponses } from '../http/problem-schema.ts';

/** How the directory API refuses. */
export const REFUSED = problemResponses([
  'invalid_request',
  'credential_missing',
  'credential_invalid',
  'not_found',
  'body_too_large',
  'unsupported_media_type',
  'internal_error',
  'dependency_unavailable',
]);
