import { type Config, loadConfig, loadVariables } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/problems.ts';
import {
  variables as rules,
  type Variables as Values,
  type VariableName,
} from '../../src/config/variables.ts';
import { thrownBy } from './errors.ts';

export type Variables = Record<string, string | undefined>;
export type Files = Record<string, string | Uint8Array>;

/** The least that the service starts with. */
export const LEAST: Variables = {
  ZEGO_APP_ID: '1234567890',
  ZEGO_SERVER_SECRET: 'abcdefghijklmnopqrstuvwxyzabcdef',
  AUTH_JWT_SECRET: 'a secret of at least 32 bytes, yes',
};

function reader(files: Files): (path: string) => string | Uint8Array {
  return (path) => {
    const text = Object.hasOwn(files, path) ? files[path] : undefined;
    if (text === undefined) throw new Error('ENOENT');
    return text;
  };
}

/** Loads the least environment with what a test changes; undefined takes a variable away. */
export function load(variables: Variables = {}, files: Files = {}): Config {
  return loadConfig({ ...LEAST, ...variables }, reader(files));
}

/** The value of every variable, by its name. */
export function loadValues(variables: Variables = {}, files: Files = {}): Values {
  const names = Object.keys(rules) as VariableName[];
  return loadVariables({ ...LEAST, ...variables }, reader(files), names);
}

/** The lines that an operator reads when the start is refused. */
export function refusal(variables: Variables, files: Files = {}): string[] {
  const error = thrownBy(() => load(variables, files));
  if (!(error instanceof ConfigError)) throw error;
  return error.message.split('\n');
}
