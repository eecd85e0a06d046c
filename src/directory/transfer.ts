import { setImmediate } from 'node:timers/promises';
import { splitLines } from '../lines.ts';
import type { Session } from './database.ts';
import type { Entry, EntryType } from './entries.ts';
import { type LineProblem, parseLine } from './entry-lines.ts';
import { pages } from './read.ts';
import {
  type Actor,
  all,
  type ImportCounts,
  LIST_ROWS,
  type Store,
  UnknownReferenceError,
  type Writer,
} from './store.ts';

/**
 * So much is sent to the database before the answers are waited for. SQLite does the work at once: then the
 * requests of others get their turn.
 */
const BYTES_IN_FLIGHT = 8 * 1024;
/** A shorter line cannot name more than one statement takes (`"x",` is four bytes): it is sent at once, in order. */
const LONG_LINE_BYTES = 4 * LIST_ROWS;

const MAX_PROBLEMS = 100;

/** Lines of an import that are wrong; nothing of the import was kept. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
  /** The first bad line, from 1. */
  readonly line: number;
  /** The first of them, at most 100. */
  readonly problems: readonly LineProblem[];
  /** How many there are. */
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
  /** Who imports. */
  actor: Actor;
  /** Is called with the number of each line that is read. */
  onLine?(line: number): void;
  onEntry?(entry: Entry): void;
  /** Takes what an older release took and this one refuses, and is called with each such line. */
  onWarning?(problem: LineProblem): void;
  /** Deletes what the file does not name; an empty file is refused. */
  replace?: boolean;
  /** Checks everything, and keeps nothing. */
  dryRun?: boolean;
  /** Ends the import before its next statement: nothing of it is kept. */
  signal?: AbortSignal;
};

/** Ends the transaction of a dry run. */
class DryRun extends Error {}

/**
 * Reads NDJSON into the directory, all or nothing, a line at a time.
 *
 * @throws {ImportError} that names the bad lines; the reason of `signal`
 */
export async function importDirectory(
  store: Pick<Store, 'import'>,
  chunks: AsyncIterable<Uint8Array>,
  options: ImportOptions,
): Promise<ImportCounts> {
  const { actor, replace = false, dryRun, signal } = options;
  const counts: ImportCounts = { user: 0, video: 0, room: 0 };
  const work = store.import({ actor, replace, signal }, async (writer, session) => {
    const imported = createImport(writer, counts, options);
    await imported.read(linesOf(chunks));
    if (replace) await removeOthers(writer, session, imported.ids, counts);
    if (dryRun) throw new DryRun();
    return counts;
  });
  await work.catch((error) => {
    if (!(error instanceof DryRun)) throw error;
  });
  return counts;
}

/** What a file names, for each type. */
type Ids = Record<EntryType, Set<string>>;

function createImport(
  writer: Writer,
  counts: ImportCounts,
  { onLine, onEntry, onWarning, replace = false }: ImportOptions,
) {
  const ids: Ids = { user: new Set(), video: new Set(), room: new Set() };
  const problems: LineProblem[] = [];
  let wrong = 0;
  const report = (problem: LineProblem) => {
    if (++wrong <= MAX_PROBLEMS) problems.push(problem);
  };

  async function importLine(bytes: Buffer, line: number): Promise<void> {
    const { entry, error, warning } = parseLine(bytes, line);
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
      if (!(failure instanceof UnknownReferenceError)) throw failure;
      report({ line, message: failure.message });
    }
  }

  return {
    ids,
    async read(lines: AsyncIterable<Buffer>): Promise<void> {
      try {
        await inPieces(lines, importLine, onLine);
      } catch (error) {
        if (!(error instanceof ImportError)) throw error;
        error.problems.forEach(report);
      }
      if (wrong > 0) throw new ImportError(problems, wrong);
    },
  };
}

/** Does the work of each line, and waits for it after each piece. */
async function inPieces(
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
      // A failure is found by the next flush.
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

/** @throws {ImportError} for a file that names nothing: it would delete everything */
async function removeOthers(
  writer: Writer,
  session: Session,
  ids: Ids,
  counts: ImportCounts,
): Promise<void> {
  if (counts.user + counts.video + counts.room === 0) throw new ImportError([], 0);
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
