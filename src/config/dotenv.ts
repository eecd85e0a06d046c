import { readFileSync } from 'node:fs';
import { parse, populate } from 'dotenv';
import { causeOf } from '../messages/causes.ts';
import type { Environment } from './environment.ts';
import { ConfigError } from './problems.ts';

const FILE = '.env';

/**
 * Loads `.env` of the working directory into the environment without overwriting variables. Returns its text, or
 * an empty string if there is no such file.
 *
 * @throws {ConfigError} when the file cannot be read
 */
export function readDotenv(environment: Environment): string {
  try {
    const text = readFileSync(FILE, 'utf8');
    // Windows PowerShell writes UTF-16, in which dotenv finds no variable.
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
