import { z } from 'zod';
import { CHANGE_TYPES } from '../directory/changes.ts';

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
