import { z } from 'zod';

/** Of every list of this listener. */
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

/** How many entries a page has. */
export const limitSchema = z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT);
