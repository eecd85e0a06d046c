import { z } from 'zod';
import {
  plainText,
  roomIdSchema,
  unixSecondsSchema,
  userIdSchema,
  videoIdSchema,
} from '../identifiers.ts';

/** ISO 3166-1 alpha-2. */
export const countrySchema = z
  .string()
  .regex(/^[A-Z]{2}$/, 'must be an ISO 3166-1 alpha-2 code in upper case');

/** A user of the directory, without its id. */
export const userSchema = z.strictObject({
  status: z.enum(['active', 'suspended']).default('active'),
});

/** A video: its licence window is `availableFrom ≤ now < availableUntil`. */
export const videoSchema = z.strictObject({
  title: plainText().max(500).nullable().default(null),
  status: z.enum(['available', 'withdrawn']).default('available'),
  availableFrom: unixSecondsSchema.nullable().default(null),
  availableUntil: unixSecondsSchema.nullable().default(null),
  regions: z.array(countrySchema).nullable().default(null),
});

/** A room. Lists that are left out stay as they are; a new room has none. */
export const roomSchema = z.strictObject({
  status: z.enum(['open', 'closed']).default('open'),
  videoIds: z.array(videoIdSchema).optional(),
  memberIds: z.array(userIdSchema).optional(),
});

/** One line of import and export. */
export const entrySchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('user'), id: userIdSchema, ...userSchema.shape }),
  z.strictObject({ type: z.literal('video'), id: videoIdSchema, ...videoSchema.shape }),
  z.strictObject({ type: z.literal('room'), id: roomIdSchema, ...roomSchema.shape }),
]);

export type User = z.output<typeof userSchema>;
export type Video = z.output<typeof videoSchema>;
export type Room = z.output<typeof roomSchema>;
export type Entry = z.output<typeof entrySchema>;
