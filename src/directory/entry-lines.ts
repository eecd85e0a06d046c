import { plainIssues } from '../messages/issues.ts';
import { checkVideo, type Entry, entrySchema } from './entries.ts';

/** A problem in one line of a file; lines count from 1. */
export type LineProblem = { line: number; message: string };

/** Tab, carriage return and space, but not NUL: zeros mean a file that was not written completely. */
const BLANKS = [0x09, 0x0d, 0x20];
const BYTE_ORDER_MARK = Buffer.from('\ufeff');

const WORDS = plainIssues(entrySchema.options.flatMap(({ shape }) => Object.keys(shape)));

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A parsed line; `entry` is undefined for a blank one. Input that only older releases accepted causes a warning. */
export type ParsedLine = { entry?: Entry; error?: string; warning?: string };

export function parseLine(line: Buffer, number: number): ParsedLine {
  const bytes = number === 1 ? withoutMark(line) : line;
  if (bytes.every((byte) => BLANKS.includes(byte))) return {};
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch {
    return { error: 'is not JSON in UTF-8' };
  }
  const { data: entry, error } = entrySchema.safeParse(value, { error: WORDS });
  if (!entry) {
    const [issue] = error.issues;
    return { error: `${issue?.path.join('.') || 'the entry'}: ${issue?.message}` };
  }
  const problem = entry.type === 'video' ? checkVideo(entry) : undefined;
  return problem ? { entry, warning: `${problem.path}: ${problem.message}` } : { entry };
}

/** Some Windows editors add a byte order mark to UTF-8. */
function withoutMark(line: Buffer): Buffer {
  const { length } = BYTE_ORDER_MARK;
  return line.subarray(0, length).equals(BYTE_ORDER_MARK) ? line.subarray(length) : line;
}
