import { readFileSync } from 'node:fs';
import { parse, populate } from 'dotenv';
import { causeOf } from '../messages/causes.ts';
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
    // Windows PowerShell writes UTF-16, of which no line would be understood.
    if (text.includes('\0')) throw wrong('is not text in UTF-8; save it as UTF-8');
    populate(environment as Record<string, string>, parse(text));
    return text;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { code, words, fix } = causeOf(error);
    if (code === 'ENOENT' || code === 'ERR_ACCESS_DENIED') return '';
    throw wrong(`cannot be read; ${words}; ${fix}`);
  }
}

function wrong(message: string): ConfigError {
  return new ConfigError([{ variable: FILE, message }]);
}
