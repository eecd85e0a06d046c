import type { ErrorCode } from '../../errors.ts';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** What a client should do about a problem. */
export const ACTIONS = [
  'fix_request',
  'sign_in',
  'contact_support',
  'leave_room',
  'choose_another_video',
  'enter_as_audience',
  'wait',
  'retry',
] as const;

export type Action = (typeof ACTIONS)[number];

/** The HTTP representation of a code. */
type ProblemType = { status: number; title: string; detail: string; action: Action };

/** The only mapping from codes to statuses. */
export const PROBLEM_TYPES: Readonly<Record<ErrorCode, ProblemType>> = {
  invalid_request: {
    status: 400,
    title: 'Invalid request',
    detail: 'The request breaks a rule of this API; see errors.',
    action: 'fix_request',
  },
  credential_missing: {
    status: 401,
    title: 'Credential missing',
    detail: 'Send your sign-in token in the header Authorization: Bearer <JWT>.',
    action: 'sign_in',
  },
  credential_invalid: {
    status: 401,
    title: 'Credential invalid',
    detail: 'The sign-in token cannot be verified; sign in again. The log says why, by requestId.',
    action: 'sign_in',
  },
  credential_expired: {
    status: 401,
    title: 'Credential expired',
    detail: 'The sign-in token has expired or is about to; sign in again.',
    action: 'sign_in',
  },
  subject_mismatch: {
    status: 403,
    title: 'Subject mismatch',
    detail: 'userId is not the user who signed in; leave it out or send your own.',
    action: 'fix_request',
  },
  user_not_allowed: {
    status: 403,
    title: 'User not allowed',
    detail: 'This account may not watch films here; contact support.',
    action: 'contact_support',
  },
  room_not_allowed: {
    status: 403,
    title: 'Room not allowed',
    detail: 'There is no open room of this id that you are a member of.',
    action: 'leave_room',
  },
  video_not_allowed: {
    status: 403,
    title: 'Video not allowed',
    detail: 'This video is not available in this room.',
    action: 'choose_another_video',
  },
  video_not_started: {
    status: 403,
    title: 'Video not started',
    detail: 'This video may be watched from availableFrom on.',
    action: 'wait',
  },
  video_ended: {
    status: 403,
    title: 'Video ended',
    detail: 'The time in which this video may be watched is over.',
    action: 'choose_another_video',
  },
  region_not_allowed: {
    status: 403,
    title: 'Region not allowed',
    detail: 'This video may not be watched in your country.',
    action: 'choose_another_video',
  },
  publish_not_allowed: {
    status: 403,
    title: 'Publishing not allowed',
    detail: 'You may enter this room, but not send a stream there; ask again without publish.',
    action: 'enter_as_audience',
  },
  read_only_key: {
    status: 403,
    title: 'Read-only key',
    detail: 'This key may only read; ask for one with the role write.',
    action: 'contact_support',
  },
  precondition_failed: {
    status: 412,
    title: 'Precondition failed',
    detail: 'It has changed since it was read (If-Match); read it again, then decide.',
    action: 'fix_request',
  },
  https_required: {
    status: 403,
    title: 'HTTPS required',
    detail:
      'Signing in over plain http shows the key to the network; use https, or a port-forward to localhost.',
    action: 'fix_request',
  },
  cross_site: {
    status: 403,
    title: 'Cross-site request',
    detail: 'A page of another site sent this request; nothing was done.',
    action: 'fix_request',
  },
  host_not_allowed: {
    status: 421,
    title: 'Host not allowed',
    detail:
      'This listener does not have this name; add it to ADMIN_HOSTS, or use localhost or an IP address.',
    action: 'fix_request',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    detail: 'There is nothing at this address; tokens are at POST /video-token.',
    action: 'fix_request',
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    detail: 'This address knows other methods; see the header Allow.',
    action: 'fix_request',
  },
  request_timeout: {
    status: 408,
    title: 'Request timeout',
    detail: 'The request did not arrive in time; send it in one go.',
    action: 'fix_request',
  },
  body_too_large: {
    status: 413,
    title: 'Body too large',
    detail: 'The body is longer than this route accepts: 16 kB for a request for a token.',
    action: 'fix_request',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    detail: 'Send JSON in UTF-8, uncompressed, with Content-Type: application/json.',
    action: 'fix_request',
  },
  headers_too_large: {
    status: 431,
    title: 'Headers too large',
    detail: 'The headers may have at most 16 kB and 100 lines.',
    action: 'fix_request',
  },
  rate_limited: {
    status: 429,
    title: 'Rate limited',
    detail: 'Too many requests; wait for the seconds in Retry-After.',
    action: 'retry',
  },
  internal_error: {
    status: 500,
    title: 'Internal error',
    detail: 'Something went wrong here; quote requestId when you report it.',
    action: 'retry',
  },
  dependency_unavailable: {
    status: 503,
    title: 'Dependency unavailable',
    detail: 'Access cannot be checked at the moment; try again after Retry-After.',
    action: 'retry',
  },
  key_unknown: {
    status: 503,
    title: 'Key unknown',
    detail: 'The key of the sign-in token is not known here yet; try again after Retry-After.',
    action: 'retry',
  },
  overloaded: {
    status: 503,
    title: 'Overloaded',
    detail: 'The service is too busy at the moment; try again after Retry-After.',
    action: 'retry',
  },
};
