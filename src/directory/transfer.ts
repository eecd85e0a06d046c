import { isUtf8 } from 'node:buffer';
import { setImmediate } from 'node:timers/promises';
import { splitLines } from '../lines.ts';
import { plainIssues } from '../messages/issues.ts';
import { type ChangeSummary, summarizeChanges } from './changes.ts';
import type { Database, Session } from './database.ts';
import { type Entry, type EntryType, entrySchema } from './entries.ts';
import { checkLicences, LICENCE_COLUMNS } from './licences.ts';
import { pages, toEntry } from './read.ts';
import {
  type Author,
  all,
  ConflictError,
  type ImportCounts,
  LIST_ROWS,
  type Store,
  type Writer,
} from './store.ts';

/**
 * Bytes of lines sent to the database before waiting for the results. SQLite blocks the event loop meanwhile, so
 * other requests are handled after each batch.
 */
const BYTES_IN_FLIGHT = 8 * 1024;
/** A shorter line has at most {@link LIST_ROWS} ids (`"x",` is four bytes), so it is sent synchronously, in order. */
const LONG_LINE_BYTES = 4 * LIST_ROWS;

const MAX_PROBLEMS = 100;

/** Invalid lines of an import, which has been rolled back. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
  /** The first invalid line, from 1. */
  readonly line: number;
  /** At most the first 100 problems; empty when the import has no entries. */
  readonly problems: readonly LineProblem[];
  /** The number of all problems. */
  readonly count: number;

  constructor(found: readonly LineProblem[], count: number) {
    const problems = found.toSorted((a, b) => a.line - b.line);
    const { line, message } = problems[0] ?? { line: 1, message: 'there is no entry' };
    super(`line ${line}: ${message}`);
    this.line = line;
    this.problems = problems;
    this.count = count;
  }
}

export type ImportOptions = {
  author: Author;
  /** Called with the number of each line. */
  onLine?(line: number): void;
  onEntry?(entry: Entry): void;
  /** Accepts lines that only older releases accepted, and is called with each of them. */
  onWarning?(problem: LineProblem): void;
  /** Deletes entries that are not in the file; a file without entries is always refused. */
  replace?: boolean;
  /** Accepts a file without entries. */
  allowEmpty?: boolean;
  /** Checks all lines, then rolls back. */
  dryRun?: boolean;
  /** With `dryRun`: is called with what would change. */
  onSummary?(summary: ChangeSummary): void;
  /** Aborts the import before its next statement and rolls back. */
  signal?: AbortSignal;
};

/** Rolls back a dry run. */
class DryRun extends Error {}

/**
 * Imports NDJSON in one transaction, line by line.
 *
 * @throws {ImportError} with the invalid lines; the reason of `signal`
 */
export async function importDirectory(
  store: Pick<Store, 'import'>,
  chunks: AsyncIterable<Uint8Array>,
  options: ImportOptions,
): Promise<ImportCounts> {
  const { author, replace = false, allowEmpty = false, dryRun, onSummary, signal } = options;
  const counts: ImportCounts = { user: 0, video: 0, room: 0 };
  const work = store.import({ author, replace, signal }, async (writer, session, before) => {
    const imported = createImport(writer, counts, options);
    await imported.read(linesOf(chunks));
    const isEmpty = counts.user + counts.video + counts.room === 0;
    if (isEmpty && (replace || !allowEmpty)) throw new ImportError([], 0);
    if (replace) await removeOthers(writer, session, imported.ids);
    if (!dryRun) return counts;
    onSummary?.(await summarizeChanges(session, before, author.requestId));
    throw new DryRun();
  });
  await work.catch((error) => {
    if (!(error instanceof DryRun)) throw error;
  });
  return counts;
}

/** The ids in a file, by type. */
type Ids = Record<EntryType, Set<string>>;

function createImport(
  writer: Writer,
  counts: ImportCounts,
  { onLine, onEntry, onWarning, replace = false }: ImportOptions,
) {
  const ids: Ids = { user: new Set(), video: new Set(), room: new Set() };
  const problems: LineProblem[] = [];
  let wrong = 0;
  let isBinary = false;
  const report = (problem: LineProblem) => {
    if (++wrong <= MAX_PROBLEMS) problems.push(problem);
  };

  async function importLine(bytes: Buffer, line: number): Promise<void> {
    if (isBinary) return;
    const { entry, error, warning, ...parsed } = parseLine(bytes, line);
    if (parsed.isBinary) {
      // The rest of the file would only repeat the problem.
      isBinary = true;
      throw new ImportError([{ line, message: error ?? '' }], 1);
    }
    if (warning !== undefined && onWarning) onWarning({ line, message: warning });
    const message = error ?? (onWarning ? undefined : warning);
    if (message !== undefined) return report({ line, message });
    if (!entry) return;
    counts[entry.type]++;
    onEntry?.(entry);
    if (replace) ids[entry.type].add(entry.id);
    try {
      await writer.put(entry.type, entry.id, entry);
    } catch (failure) {
      if (!(failure instanceof ConflictError)) throw failure;
      const { path, message } = failure;
      report({ line, message: path === '' ? message : `${path}: ${message}` });
    }
  }

  return {
    ids,
    async read(lines: AsyncIterable<Buffer>): Promise<void> {
      try {
        await inBatches(lines, importLine, onLine);
      } catch (error) {
        if (!(error instanceof ImportError)) throw error;
        error.problems.forEach(report);
      }
      if (wrong > 0) throw new ImportError(problems, wrong);
    },
  };
}

/** Calls `work` for each line, and waits after each batch of {@link BYTES_IN_FLIGHT}. */
async function inBatches(
  lines: AsyncIterable<Buffer>,
  work: (line: Buffer, number: number) => Promise<void>,
  onLine: (line: number) => void = () => {},
): Promise<void> {
  let inFlight: Promise<void>[] = [];
  let bytes = 0;
  let number = 0;
  const flush = async () => {
    await all(inFlight);
    inFlight = [];
    bytes = 0;
    await setImmediate();
  };
  try {
    for await (const line of lines) {
      number++;
      const done = work(line, number);
      // The next flush throws the failure.
      done.catch(() => {});
      inFlight.push(done);
      bytes += line.length;
      if (bytes >= BYTES_IN_FLIGHT || line.length >= LONG_LINE_BYTES) await flush();
      onLine(number);
    }
  } finally {
    await flush();
  }
}

/** Deletes the entries with other ids. */
async function removeOthers(writer: Writer, session: Session, ids: Ids): Promise<void> {
  for (const type of ['room', 'video', 'user'] as const) {
    const others: string[] = [];
    const remove = async () => writer.delete(type, others.splice(0));
    for await (const { id } of pages(session, type)) {
      if (!ids[type].has(id as string)) others.push(id as string);
      if (others.length >= LIST_ROWS) await remove();
    }
    await remove();
  }
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const refuse = (number: number) => {
    throw new ImportError([{ line: number, message: 'is longer than 16 MiB' }], 1);
  };
  for await (const lines of splitLines(chunks, refuse)) yield* lines;
}

/** Rooms come last, because they refer to users and videos. */
const ORDER = ['user', 'video', 'room'] as const;

/** Exports a consistent view of the directory as NDJSON. */
export async function* exportDirectory(
  database: Pick<Database, 'snapshot'>,
): AsyncGenerator<string> {
  const snapshot = await database.snapshot();
  try {
    yield* linesFrom(snapshot);
  } finally {
    await snapshot.close();
  }
}

async function* linesFrom(session: Session): AsyncGenerator<string> {
  for (const type of ORDER) {
    for await (const row of pages(session, type)) {
      yield `${JSON.stringify({ type, id: row.id, ...(await toEntry(session, type, row)) })}\n`;
    }
  }
}

/** A problem in one line of a file; lines count from 1. */
export type LineProblem = { line: number; message: string };

/** The first bytes of files that are often imported by mistake. */
const FORMATS: readonly (readonly [start: Buffer, hint: string])[] = [
  [Buffer.from([0x1f, 0x8b]), 'it is compressed by gzip; decompress it first'],
  [Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), 'it is compressed by zstd; decompress it first'],
  [Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]), 'it is compressed by xz; decompress it first'],
  [Buffer.from('BZh'), 'it is compressed by bzip2; decompress it first'],
  [Buffer.from('PK\x03\x04'), 'it is a ZIP file; extract it first'],
  [Buffer.from('SQLite format 3'), 'it is a SQLite database; export it first'],
  [Buffer.from([0xff, 0xfe]), 'it is in UTF-16; convert it to UTF-8'],
  [Buffer.from([0xfe, 0xff]), 'it is in UTF-16; convert it to UTF-8'],
];

/** Bytes that no text has: all control characters but tab, line end, form feed and escape. */
const CONTROL: ReadonlySet<number> = new Set(
  [...Array(32).keys()].filter((byte) => ![9, 10, 12, 13, 27].includes(byte)),
);

function describeNotJson(line: Buffer): ParsedLine {
  const error = 'is not JSON in UTF-8';
  if (isUtf8(line) && !line.some((byte) => CONTROL.has(byte))) return { error };
  const [, hint] = FORMATS.find(([start]) => line.subarray(0, start.length).equals(start)) ?? [];
  return { error: hint === undefined ? error : `${error}; ${hint}`, isBinary: true };
}

/** Tab, carriage return and space, but not NUL: zeros mean a file that was not written completely. */
const BLANKS = [0x09, 0x0d, 0x20];
const BYTE_ORDER_MARK = Buffer.from('\ufeff');

const WORDS = plainIssues([
  ...entrySchema.options.flatMap(({ shape }) => Object.keys(shape)),
  ...Object.keys(LICENCE_COLUMNS),
]);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A parsed line; `entry` is undefined for a blank one. Input that only older releases accepted causes a warning. */
type ParsedLine = {
  entry?: Entry;
  error?: string;
  /** With `error`: the file is not text. */
  isBinary?: boolean;
  warning?: string;
};

function parseLine(line: Buffer, number: number): ParsedLine {
  const bytes = number === 1 ? withoutMark(line) : line;
  if (bytes.every((byte) => BLANKS.includes(byte))) return {};
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch {
    return describeNotJson(bytes);
  }
  const { data: entry, error } = entrySchema.safeParse(value, { error: WORDS });
  if (!entry) {
    const [issue] = error.issues;
    return { error: `${issue?.path.join('.') || 'the entry'}: ${issue?.message}` };
  }
  const problem = entry.type === 'video' ? checkLicences(entry) : undefined;
  if (!problem) return { entry };
  const message = `${problem.path}: ${problem.message}`;
  // No older release accepted `licences`.
  return problem.path.startsWith('licences') ? { error: message } : { entry, warning: message };
}

/** Some Windows editors add a byte order mark to UTF-8. */
function withoutMark(line: Buffer): Buffer {
  const { length } = BYTE_ORDER_MARK;
  return line.subarray(0, length).equals(BYTE_ORDER_MARK) ? line.subarray(length) : line;
}
