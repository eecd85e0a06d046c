import { pipeline, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { splitLines } from '../lines.ts';
import { createDecisionStore, openTemporaryDatabase } from './decision-store.ts';
import { readInput, unreadableFile } from './input.ts';
import { mentionOf, readLogLine } from './log-lines.ts';
import { FORMATS, type ReportFormat, type ReportKind } from './report-format.ts';
import type { Terminal } from './terminal.ts';

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

export type ReportOptions = {
  /** Whose decisions are counted; rows of room tokens are by room. */
  kind?: ReportKind;
  format: ReportFormat;
  tempDir: string;
  /** Accept lines that mention a decision and cannot be read as one. */
  skipUnreadable: boolean;
  terminal: Terminal;
};

/**
 * Aggregates audit logs by day, film and territory. Decisions are stored in a temporary database in `tempDir`, so
 * that memory usage is constant.
 *
 * @returns false if lines could not be read that should not be skipped
 * @throws {Error} when no line is a decision
 */
export async function report(
  files: readonly string[],
  { kind = 'video', format, tempDir, skipUnreadable, terminal }: ReportOptions,
): Promise<boolean> {
  const database = openTemporaryDatabase(tempDir, (cause) =>
    terminal.note(
      `warning: ${tempDir}: cannot be written, so the report is made in memory; ${cause}; --temp-dir names another folder`,
    ),
  );
  const store = createDecisionStore(database);
  const mention = mentionOf(kind);
  const counts = { lines: 0, decisions: 0, unreadable: 0 };
  let firstUnreadable: string | undefined;
  for (const file of files) {
    let number = 0;
    const skipped = (count: number, line: number) => {
      counts.unreadable += count;
      firstUnreadable ??= `${file}, line ${line}`;
    };
    for await (const lines of splitLines(decompressed(file), ignoreLongLine)) {
      for (const line of lines) {
        number++;
        if (!line.includes(mention)) continue;
        const { decisions, unreadable } = readLogLine(line.toString(), kind);
        for (const decision of decisions) store.add(decision);
        counts.decisions += decisions.length;
        if (unreadable > 0) skipped(unreadable, number);
      }
      counts.lines += lines.length;
      terminal.progress(`${counts.lines.toLocaleString('en')} lines`);
    }
  }
  terminal.progress('');
  if (counts.decisions === 0) {
    throw new Error(
      `${files.join(', ')}: none of ${counts.lines} lines is a decision of the service; give what it wrote to standard output`,
    );
  }
  await printAll(FORMATS[format](store.rows(), kind), terminal);
  if (firstUnreadable !== undefined) {
    terminal.note(
      `${skipUnreadable ? 'warning: ' : ''}${counts.unreadable} records contain ${mention} and are not decisions; they are in no row. The first: ${firstUnreadable}. Give one JSON object a line, as the service wrote it${skipUnreadable ? '' : '; with --skip-unreadable the command exits 0'}`,
    );
  }
  return skipUnreadable || firstUnreadable === undefined;
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
