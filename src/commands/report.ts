import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createDistinctCounter, type DistinctCounter } from './distinct.ts';
import type { Terminal } from './terminal.ts';

const PROGRESS_LINES = 100_000;
/** Each bucket of durations is a tenth wider than the one before, from 10 µs on. */
const BUCKET_GROWTH = 1.1;
const SHORTEST_MS = 0.01;
const BUCKETS = 160;

/** The decisions of one day about one film in one territory. */
type Group = {
  day: string;
  videoId: string;
  country: string;
  issued: number;
  denied: Map<string, number>;
  failed: number;
  users: DistinctCounter;
  durations: Uint32Array;
};

/** One row of the report. */
type Row = {
  day: string;
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

/** Sums up decision logs by day, film and territory. Memory grows with the groups, not with the lines. */
export async function report(
  files: readonly string[],
  { format, terminal }: { format: ReportFormat; terminal: Terminal },
): Promise<void> {
  const groups = new Map<string, Group>();
  let lines = 0;
  for (const file of files) {
    const input = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 1 << 20 });
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (++lines % PROGRESS_LINES === 0) terminal.progress(`${lines.toLocaleString('en')} lines`);
      if (line.includes('"event":"video_token"')) add(groups, line);
    }
  }
  terminal.progress('');
  const rows = [...groups.keys()].sort().map((key) => toRow(groups.get(key) as Group));
  terminal.print(FORMATS[format](rows));
}

/** A line that is cut or not ours is left out: a log may have been rotated in the middle of one. */
function add(groups: Map<string, Group>, line: string): void {
  const decision = parse(line);
  if (!decision) return;
  const {
    time = '',
    videoId = '-',
    country = '-',
    userId,
    outcome,
    code = '-',
    durationMs = 0,
  } = decision;
  const day = String(time).slice(0, 10);
  const key = `${day}\t${videoId}\t${country}`;
  const group = groups.get(key) ?? createGroup(day, videoId, country);
  groups.set(key, group);
  if (outcome === 'issued') {
    group.issued++;
    if (userId !== undefined) group.users.add(userId);
  } else if (outcome === 'failed') {
    group.failed++;
  } else {
    group.denied.set(code, (group.denied.get(code) ?? 0) + 1);
  }
  const bucket = Math.floor(Math.log(durationMs / SHORTEST_MS) / Math.log(BUCKET_GROWTH));
  const index = Math.max(0, Math.min(BUCKETS - 1, bucket));
  group.durations[index] = (group.durations[index] ?? 0) + 1;
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

function parse(line: string): LoggedDecision | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function createGroup(day: string, videoId: string, country: string): Group {
  const durations = new Uint32Array(BUCKETS);
  return {
    day,
    videoId,
    country,
    issued: 0,
    denied: new Map(),
    failed: 0,
    users: createDistinctCounter(),
    durations,
  };
}

function toRow({ day, videoId, country, issued, denied, failed, users, durations }: Group): Row {
  return {
    day,
    video: videoId,
    territory: country,
    issued,
    denied: Object.fromEntries([...denied].sort()),
    failed,
    users: users.count(),
    p50Ms: quantile(durations, 0.5),
    p99Ms: quantile(durations, 0.99),
  };
}

function quantile(durations: Uint32Array, q: number): number {
  const total = durations.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  const bucket = durations.findIndex((count) => {
    seen += count;
    return seen >= total * q;
  });
  return Number((SHORTEST_MS * BUCKET_GROWTH ** (bucket + 0.5)).toPrecision(2));
}

const HEADINGS = [
  'day',
  'video',
  'territory',
  'issued',
  'users',
  'p50 ms',
  'p99 ms',
  'failed',
  'denied',
];

const FORMATS: Record<ReportFormat, (rows: Row[]) => string> = {
  json: (rows) => JSON.stringify(rows),
  csv: (rows) => [HEADINGS, ...rows.map(cells)].map((row) => row.map(quote).join(',')).join('\n'),
  table(rows) {
    const all = [HEADINGS, ...rows.map(cells)];
    const widths = HEADINGS.map((_, column) =>
      Math.max(...all.map((row) => row[column]?.length ?? 0)),
    );
    return all
      .map((row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd(),
      )
      .join('\n');
  },
};

function cells({
  day,
  video,
  territory,
  issued,
  users,
  p50Ms,
  p99Ms,
  failed,
  denied,
}: Row): string[] {
  const codes = Object.entries(denied).map(([code, count]) => `${code} ${count}`);
  return [
    day,
    video,
    territory,
    ...[issued, users, p50Ms, p99Ms, failed].map(String),
    codes.join('; '),
  ];
}

/** RFC 4180; and no cell that a spreadsheet would run as a formula, as ids come from clients. */
function quote(cell: string): string {
  const text = /^[=+\-@\t\r]/.test(cell) && cell !== '-' ? `'${cell}` : cell;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
