import pino, { type DestinationStream, type Logger } from 'pino';
import { escapeUnsafe } from '../messages/printable.ts';

/** Redacted fields: they could contain a credential, a secret or a token. */
const SENSITIVE = [
  'token',
  'authorization',
  'secret',
  'password',
  'credential',
  'plaintext',
  'key',
];

export function createLogger(destination: DestinationStream, level: string): Logger {
  const options = {
    level,
    base: null,
    timestamp: createIsoTime(),
    formatters: { level: (label: string) => ({ level: label }) },
    redact: SENSITIVE,
    serializers: { err: serializeError },
  };
  // What clients choose may steer the terminal that shows the log.
  return pino(options, { write: (line) => destination.write(escapeUnsafe(line)) });
}

/** The text changes once a millisecond: making it costs more than all other fields of a line. */
function createIsoTime(): () => string {
  let made = Number.NaN;
  let text = '';
  return () => {
    const now = Date.now();
    if (now !== made) text = `,"time":"${new Date(now).toISOString()}"`;
    made = now;
    return text;
  };
}

/** Logs name, code and stack, but not the message: libraries may quote their input there. */
function serializeError(error: unknown) {
  const { name, code, stack = '' } = error as { name?: string; code?: string; stack?: string };
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return { name, code, frames: frames.slice(0, 8).map((line) => line.trim()) };
}
