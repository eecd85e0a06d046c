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

/** Several lines to a write, none later than this. */
const BUFFER_BYTES = 4096;
const FLUSH_MS = 100;

/**
 * JSON lines on standard output, written in the background: a line that waits for a slow pipe must
 * not make a request wait. `flush` writes what is left, when the process ends.
 */
export function createLogger(level: string): { logger: Logger; flush: () => void } {
  const destination = pino.destination({
    dest: 1,
    sync: false,
    minLength: BUFFER_BYTES,
    periodicFlush: FLUSH_MS,
  });
  return { logger: createLoggerTo(destination, level), flush: () => destination.flushSync() };
}

export function createLoggerTo(destination: DestinationStream, level: string): Logger {
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
