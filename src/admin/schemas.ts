import { z } from 'zod';
import { CHANGE_TYPES } from '../directory/changes.ts';
import { problemResponses } from '../http/problems/schema.ts';

/** Problem details that differ on this listener. */
export const DETAILS = {
  credential_missing:
    'Send ADMIN_API_KEY, or a key of ADMIN_KEYS_FILE, in the header Authorization: Bearer <key>.',
  credential_invalid:
    'The key in the header Authorization is neither ADMIN_API_KEY nor one of ADMIN_KEYS_FILE.',
  credential_expired: 'The session has ended; sign in again.',
  rate_limited: 'Too many wrong keys; a right one is accepted at any time.',
  not_found:
    'There is nothing at this address; the API reference is at GET /docs. Without ADMIN_API_KEY or ADMIN_KEYS_FILE, / and /directory are not there.',
  unsupported_media_type: 'Send application/json in UTF-8, and an import as application/x-ndjson.',
} as const;

/** The problem responses of the directory API. */
export const REFUSED = problemResponses(
  [
    'invalid_request',
    'credential_missing',
    'credential_invalid',
    'credential_expired',
    'read_only_key',
    'https_required',
    'cross_site',
    'host_not_allowed',
    'precondition_failed',
    'not_found',
    'body_too_large',
    'unsupported_media_type',
    'rate_limited',
    'internal_error',
    'dependency_unavailable',
  ],
  DETAILS,
);

/** A switch of a query. */
export const flagSchema = z.enum(['true', 'false']).optional();

/** A change of the directory. */
export const changeSchema = z
  .object({
    at: z.string().meta({ description: 'RFC 3339.' }),
    actor: z.string().nullable().meta({
      description:
        'The name of a key, or cli: and a user. Null for another program, and for what went with a deleted entry.',
    }),
    requestId: z.string().nullable(),
    type: z.enum(CHANGE_TYPES),
    id: z.string().meta({
      description:
        'Of the user for a member or a token, of the video for a licence or a video of a room.',
    }),
    roomId: z.string().optional(),
    before: z.unknown().meta({ description: 'The fields; null for what is new.' }),
    after: z.unknown().meta({ description: 'The fields; null for what was deleted.' }),
  })
  .meta({ id: 'DirectoryChange' });
