import { printable, printableJson } from '../messages/printable.ts';

/** The kinds of tokens whose decisions can be read. */
export const REPORT_KINDS = ['video', 'room', 'basic'] as const;

export type ReportKind = (typeof REPORT_KINDS)[number];

/** One row of the report. */
export type Row = {
  day: string;
  /** The room for room tokens, `-` for basic ones. */
  video: string;
  territory: string;
  issued: number;
  denied: Record<string, number>;
  failed: number;
  users: number;
  p50Ms: number;
  p99Ms: number;
};

export type ReportFormat = 'table' | 'csv' | 'json';

function headingsOf(kind: ReportKind): string[] {
  const subject = kind === 'room' ? 'room' : 'video';
  return ['day', subject, 'territory', 'issued', 'users', 'p50 ms', 'p99 ms', 'failed', 'denied'];
}

type Format = (rows: Iterable<Row>, kind: ReportKind) => Iterable<string>;

/** Formats the report line by line, as there may be a million. A table iterates its rows twice. */
export const FORMATS: Record<ReportFormat, Format> = {
  *json(rows, kind) {
    let last: string | undefined;
    for (const row of rows) {
      if (last !== undefined) yield `${last},`;
      last = `${last === undefined ? '[' : ''}${printableJson(kind === 'room' ? byRoom(row) : row)}`;
    }
    yield last === undefined ? '[]' : `${last}]`;
  },
  *csv(rows, kind) {
    yield headingsOf(kind).join(',');
    for (const row of rows) yield printableCells(row).map(quote).join(',');
  },
  *table(rows, kind) {
    const headings = headingsOf(kind);
    const widths = headings.map((heading) => heading.length);
    for (const row of rows) {
      for (const [column, { length }] of printableCells(row).entries()) {
        widths[column] = Math.max(widths[column] ?? 0, length);
      }
    }
    const align = (line: string[]) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd();
    yield align(headings);
    for (const row of rows) yield align(printableCells(row));
  },
};

function byRoom({ day, video: room, ...row }: Row) {
  return { day, room, ...row };
}

/** Ids are untrusted. */
function printableCells(row: Row): string[] {
  return cells(row).map(printable);
}

function cells({ denied, ...row }: Row): string[] {
  const codes = Object.entries(denied).map(([code, count]) => `${code} ${count}`);
  const { day, video, territory, issued, users, p50Ms, p99Ms, failed } = row;
  const numbers = [issued, users, p50Ms, p99Ms, failed].map(String);
  return [day, video, territory, ...numbers, codes.join('; ')];
}

/**
 * What makes a spreadsheet calculate, at the start of a cell or behind anything that may be taken for the end of one:
 * the separator depends on the language, and quotes protect only from the comma (OWASP, "CSV Injection"). Excel in
 * Chinese and Japanese also takes full-width signs.
 */
const FORMULA = /(^|[;,|\t\r\n"'])(\s*)([=+\-@\uff1d\uff0b\uff0d\uff20])/gu;

/** Quotes a cell where it needs it (RFC 4180) and puts an apostrophe before each formula; ids are untrusted. */
function quote(cell: string): string {
  const text = cell === '-' ? cell : cell.replace(FORMULA, "$1$2'$3");
  return text !== cell || /[",;|\t\r\n]|^\s|\s$/.test(text)
    ? `"${text.replaceAll('"', '""')}"`
    : text;
}
