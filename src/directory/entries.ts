import { z } from 'zod';
import type { FieldError } from '../errors.ts';
import {
  plainText,
  roomIdSchema,
  unixSecondsSchema,
  userIdSchema,
  videoIdSchema,
} from '../identifiers.ts';
import { COUNTRIES } from './countries.ts';

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

/** Rejects what 0.1.0 accepted: a window that never opens, a country that does not exist. */
export function checkVideo(video: Pick<Video, 'availableFrom' | 'availableUntil' | 'regions'>) {
  const { availableFrom, availableUntil, regions } = video;
  const wrong = (path: string, message: string): FieldError => ({ path, message });
  if (availableFrom !== null && availableUntil !== null && availableUntil <= availableFrom) {
    return wrong('availableUntil', 'must be later than availableFrom');
  }
  const index = regions?.findIndex((country) => !COUNTRIES.has(country)) ?? -1;
  if (index < 0) return undefined;
  const hint = regions?.[index] === 'UK' ? '; the United Kingdom is GB' : '';
  return wrong(`regions.${index}`, `${regions?.[index]} is no country of ISO 3166-1${hint}`);
}

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
