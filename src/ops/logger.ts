import pino, { type DestinationStream, type Logger } from 'pino';

/** Names under which a credential, a secret or a token could come; no line shows their values. */
const SENSITIVE = [
  'token',
  'authorization',
  'secret',
  'password',
  'credential',
  'plaintext',
  'key',
];

/** JSON lines to a destination. */
export function createLogger(destination: DestinationStream, level: string): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: SENSITIVE,
    serializers: { err: serializeError },
  };
  return pino(options, destination);
}

/** Where an error was thrown, and its names: a library's message can quote what it was given. */
function serializeError(error: unknown) {
  const { name, code, stack = '' } = error as { name?: string; code?: string; stack?: string };
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return { name, code, frames: frames.slice(0, 8).map((line) => line.trim()) };
}
