import { isUtf8 } from 'node:buffer';
import { plainIssues } from '../messages/issues.ts';
import { type Entry, entrySchema } from './entries.ts';
import { checkLicences, LICENCE_COLUMNS } from './licences.ts';

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
export type ParsedLine = {
  entry?: Entry;
  error?: string;
  /** With `error`: the file is not text. */
  isBinary?: boolean;
  warning?: string;
};

export function parseLine(line: Buffer, number: number): ParsedLine {
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
