import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { ServiceError } from '../errors.ts';
import { splitLines } from '../lines.ts';
import type { Database, Session } from './database.ts';
import { type Entry, entrySchema } from './entries.ts';
import {
  all,
  getRoom,
  LIST_ROWS,
  putRoom,
  putUser,
  putVideo,
  toVideo,
  UnknownReferenceError,
} from './store.ts';

/** Tab, carriage return and space; zeros are no blank line but a file that was never written. */
const BLANKS = [0x09, 0x0d, 0x20];
const PAGE_ROWS = 1_000;
/**
 * So much is sent to the database before the answers are waited for. SQLite does the work at once: then the
 * requests of others get their turn.
 */
const BYTES_IN_FLIGHT = 8 * 1024;
/** A shorter line cannot name more than one statement takes (`"x",` is four bytes): it is sent at once, in order. */
const LONG_LINE_BYTES = 4 * LIST_ROWS;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** One line of an import that is wrong; nothing of the import was kept. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
  /** From 1. */
  readonly line: number;

  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
    this.line = line;
  }
}

/** How many entries of each type an import had. */
export type ImportCounts = Record<Entry['type'], number>;

/**
 * Reads NDJSON into the directory, all or nothing, a line at a time.
 *
 * @param onLine hears the number of each line that is read
 * @param onEntry hears of each entry
 * @throws {ImportError} that names the first bad line
 */
export function importDirectory(
  database: Database,
  chunks: AsyncIterable<Uint8Array>,
  onLine: (line: number) => void = () => {},
  onEntry: (entry: Entry) => void = () => {},
): Promise<ImportCounts> {
  return database.transaction(async (session) => {
    const counts: ImportCounts = { user: 0, video: 0, room: 0 };
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
      for await (const line of linesOf(chunks)) {
        number++;
        const work = importLine(session, line, number, (entry) => {
          counts[entry.type]++;
          onEntry(entry);
        });
        // A failure is found by the next flush.
        work.catch(() => {});
        inFlight.push(work);
        bytes += line.length;
        if (bytes >= BYTES_IN_FLIGHT || line.length >= LONG_LINE_BYTES) await flush();
        onLine(number);
      }
    } finally {
      await flush();
    }
    return counts;
  });
}

async function importLine(
  session: Session,
  line: Buffer,
  number: number,
  onEntry: (entry: Entry) => void,
) {
  if (isBlank(line)) return;
  const entry = parseEntry(line, number);
  onEntry(entry);
  await putEntry(session, entry, number);
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const refuse = (number: number) => {
    throw new ImportError(number, 'is longer than 16 MiB');
  };
  for await (const lines of splitLines(chunks, refuse)) yield* lines;
}

/**
 * Passes chunks on while they come.
 *
 * @throws {ServiceError} `request_timeout` when none has come for `idleMs`
 */
export async function* withIdleTimeout(
  chunks: AsyncIterable<Uint8Array>,
  idleMs: number,
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  for (;;) {
    const waiting = new AbortController();
    const idle = delay(idleMs, undefined, { signal: waiting.signal }).then(() => {
      throw new ServiceError('request_timeout');
    });
    const next = await Promise.race([iterator.next(), idle]).finally(() => waiting.abort());
    if (next.done) return;
    yield next.value;
  }
}

/** The directory of one moment, as lines that {@link importDirectory} reads. */
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

/** Rooms come last, as they name the others. */
async function* linesFrom(session: Session): AsyncGenerator<string> {
  for await (const { id, status } of pages(session, 'users'))
    yield toLine({ type: 'user', id, status });
  for await (const row of pages(session, 'videos')) {
    yield toLine({ type: 'video', id: row.id, ...toVideo(row) });
  }
  for await (const { id } of pages(session, 'rooms')) {
    const room = await getRoom(session, id as string);
    if (room) yield toLine({ type: 'room', id, ...room });
  }
}

function toLine(entry: object): string {
  return `${JSON.stringify(entry)}\n`;
}

async function* pages({ query, parameter: p }: Session, table: 'users' | 'videos' | 'rooms') {
  let last = '';
  for (;;) {
    const rows = await query(
      `SELECT * FROM ${table} WHERE id > ${p(1)} ORDER BY id LIMIT ${PAGE_ROWS}`,
      [last],
    );
    yield* rows;
    if (rows.length < PAGE_ROWS) return;
    last = rows.at(-1)?.id as string;
  }
}

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => BLANKS.includes(byte));
}

function parseEntry(line: Uint8Array, number: number): Entry {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(line));
  } catch {
    throw new ImportError(number, 'is not JSON in UTF-8');
  }
  const result = entrySchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new ImportError(number, `${issue?.path.join('.') || 'the entry'}: ${issue?.message}`);
}

async function putEntry(session: Session, entry: Entry, number: number): Promise<void> {
  try {
    if (entry.type === 'user') await putUser(session, entry.id, entry);
    else if (entry.type === 'video') await putVideo(session, entry.id, entry);
    else await putRoom(session, entry.id, entry);
  } catch (error) {
    if (error instanceof UnknownReferenceError) throw new ImportError(number, error.message);
    throw error;
  }
}
