import { readFileSync } from 'node:fs';
import { parse, populate } from 'dotenv';
import { causeOf } from '../causes.ts';
import type { Environment } from './environment.ts';
import { ConfigError } from './problems.ts';

const FILE = '.env';

/**
 * Adds what the file `.env` of the working directory says to the environment, which goes first, and returns its
 * text: empty when there is none.
 *
 * @throws {ConfigError} when there is one that cannot be read
 */
export function readDotenv(environment: Environment): string {
  try {
    const text = readFileSync(FILE, 'utf8');
    populate(environment as Record<string, string>, parse(text));
    return text;
  } catch (error) {
    const { code, words, fix } = causeOf(error);
    if (code === 'ENOENT' || code === 'ERR_ACCESS_DENIED') return '';
    throw new ConfigError([{ variable: FILE, message: `cannot be read; ${words}; ${fix}` }]);
  }
}
