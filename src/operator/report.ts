import { pipeline, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { splitLines } from '../lines.ts';
import { createDecisionStore, type Decision } from './decision-store.ts';
import { readInput, unreadableFile } from './input.ts';
import { FORMATS, type ReportFormat } from './report-format.ts';
import { openTemporaryDatabase } from './temporary-database.ts';
import type { Terminal } from './terminal.ts';

const DECISION = '"event":"video_token"';
/** Lines per write. */
const BATCH_LINES = 1_000;

/** A log truncated by a crash can contain megabytes of zeros. */
const ignoreLongLine = () => {};

/** The bytes of a log, decompressed if it is gzip (RFC 1952 section 2.3.1). */
async function* decompressed(file: string): AsyncGenerator<Uint8Array> {
  const chunks = readInput(file);
  const first = await chunks.next();
  if (first.done) return;
  const all = (async function* () {
    yield first.value;
    yield* chunks;
  })();
  const isGzip = first.value[0] === 0x1f && first.value[1] === 0x8b;
  // The callback prevents an uncaught exception on a truncated file; the reader also gets the error.
  const bytes = isGzip ? pipeline(Readable.from(all), createGunzip(), () => {}) : all;
  try {
    yield* bytes;
  } catch (error) {
    throw isGzip ? unreadableFile(file, error) : error;
  }
}

/**
 * Aggregates audit logs by day, film and territory. Decisions are stored in a temporary database in `tempDir`, so
 * that memory usage is constant.
 *
 * @throws {Error} when no line is a decision
 */
export async function report(
  files: readonly string[],
  { format, tempDir, terminal }: { format: ReportFormat; tempDir: string; terminal: Terminal },
): Promise<void> {
  const database = openTemporaryDatabase(tempDir, (cause) =>
    terminal.note(
      `warning: ${tempDir}: cannot be written, so the report is made in memory; ${cause}; --temp-dir names another folder`,
    ),
  );
  const store = createDecisionStore(database);
  let count = 0;
  let parsed = 0;
  for (const file of files) {
    for await (const lines of splitLines(decompressed(file), ignoreLongLine)) {
      for (const line of lines) {
        const decision = line.includes(DECISION) && parse(line.toString());
        if (!decision) continue;
        store.add(toDecision(decision));
        parsed++;
      }
      count += lines.length;
      terminal.progress(`${count.toLocaleString('en')} lines`);
    }
  }
  terminal.progress('');
  if (parsed === 0) {
    throw new Error(
      `${files.join(', ')}: none of ${count} lines is a decision of the service; give what it wrote to standard output`,
    );
  }
  await printAll(FORMATS[format](store.rows()), terminal);
}

/** Yields to the event loop after each batch, which flushes writes and detects a closed pipe. */
async function printAll(lines: Iterable<string>, terminal: Terminal): Promise<void> {
  let batch: string[] = [];
  for (const line of lines) {
    if (batch.push(line) < BATCH_LINES) continue;
    terminal.print(batch.join('\n'));
    batch = [];
    await setImmediate();
  }
  if (batch.length > 0) terminal.print(batch.join('\n'));
}

type LoggedDecision = {
  time?: string;
  videoId?: string;
  country?: string;
  userId?: string;
  outcome?: string;
  code?: string;
  durationMs?: number;
};

/**
 * Skips truncated and foreign lines: log rotation may split a line. Docker Compose and Kubernetes prefix each
 * line with the container, or with time and stream.
 */
function parse(line: string): LoggedDecision | undefined {
  try {
    return JSON.parse(line.slice(line.indexOf('{')));
  } catch {
    return undefined;
  }
}

function toDecision(logged: LoggedDecision): Decision {
  const { time = '', videoId = '-', country = '-', userId, outcome } = logged;
  const { code = '-', durationMs = 0 } = logged;
  return {
    day: String(time).slice(0, 10),
    video: String(videoId),
    territory: String(country),
    outcome: outcome === 'issued' || outcome === 'failed' ? outcome : 'denied',
    code: String(code),
    user: userId === undefined ? undefined : String(userId),
    durationMs,
  };
}
