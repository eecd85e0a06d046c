import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { splitLines } from '../lines.ts';
import { createDistinctCounter, type DistinctCounter } from './distinct.ts';
import { readInput, unreadableFile } from './input.ts';
import { FORMATS, type ReportFormat, type Row } from './report-format.ts';
import type { Terminal } from './terminal.ts';

const DECISION = '"event":"video_token"';
/** Each bucket of durations is a tenth wider than the one before, from 10 µs on. */
const BUCKET_GROWTH = 1.1;
const SHORTEST_MS = 0.01;
const BUCKETS = 160;

/** Where a log was cut off while it was written there can be megabytes of zeros. */
const ignore = () => {};

/** The decisions of one day about one film in one territory. */
type Group = {
  day: string;
  videoId: string;
  country: string;
  issued: number;
  denied: Map<string, number>;
  failed: number;
  users: DistinctCounter;
  /** How many there are in each bucket. */
  durations: Map<number, number>;
};

/** The bytes of a log, unpacked where they are those of gzip (RFC 1952 section 2.3.1). */
async function* unpacked(file: string): AsyncGenerator<Uint8Array> {
  const chunks = readInput(file);
  const first = await chunks.next();
  if (first.done) return;
  const all = (async function* () {
    yield first.value;
    yield* chunks;
  })();
  const isGzip = first.value[0] === 0x1f && first.value[1] === 0x8b;
  // The callback keeps an error of a cut file from ending the process: the reader gets it, too.
  const bytes = isGzip ? pipeline(Readable.from(all), createGunzip(), () => {}) : all;
  try {
    yield* bytes;
  } catch (error) {
    throw isGzip ? unreadableFile(file, error) : error;
  }
}

/**
 * Sums up audit logs by day, film and territory. Memory grows with the groups, not with the lines.
 *
 * @throws {Error} when no line is a decision
 */
export async function report(
  files: readonly string[],
  { format, terminal }: { format: ReportFormat; terminal: Terminal },
): Promise<void> {
  const groups = new Map<string, Group>();
  let count = 0;
  let understood = 0;
  for (const file of files) {
    for await (const lines of splitLines(unpacked(file), ignore)) {
      for (const line of lines) {
        if (line.includes(DECISION) && add(groups, line.toString())) understood++;
      }
      count += lines.length;
      terminal.progress(`${count.toLocaleString('en')} lines`);
    }
  }
  terminal.progress('');
  if (understood === 0) {
    throw new Error(
      `${files.join(', ')}: none of ${count} lines is a decision of the service; give what it wrote to standard output`,
    );
  }
  const rows = [...groups.keys()].sort().map((key) => toRow(groups.get(key) as Group));
  for (const line of FORMATS[format](rows)) terminal.print(line);
}

/** A line that is cut or not ours is left out: a log may have been rotated in the middle of one. */
function add(groups: Map<string, Group>, line: string): boolean {
  const decision = parse(line);
  if (!decision) return false;
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
  let group = groups.get(key);
  if (!group) {
    group = createGroup(day, videoId, country);
    groups.set(key, group);
  }
  if (outcome === 'issued') {
    group.issued++;
    if (userId !== undefined) group.users.add(userId);
  } else if (outcome === 'failed') {
    group.failed++;
  } else {
    increment(group.denied, code);
  }
  const bucket = Math.floor(Math.log(durationMs / SHORTEST_MS) / Math.log(BUCKET_GROWTH));
  increment(group.durations, Math.max(0, Math.min(BUCKETS - 1, bucket)));
  return true;
}

function increment<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
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

/** Docker Compose and Kubernetes put the container, or time and stream, before each line. */
function parse(line: string): LoggedDecision | undefined {
  try {
    return JSON.parse(line.slice(line.indexOf('{')));
  } catch {
    return undefined;
  }
}

function createGroup(day: string, videoId: string, country: string): Group {
  return {
    day,
    videoId,
    country,
    issued: 0,
    denied: new Map(),
    failed: 0,
    users: createDistinctCounter(),
    durations: new Map(),
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

function quantile(durations: Map<number, number>, q: number): number {
  const total = durations.values().reduce((sum, count) => sum + count, 0);
  let seen = 0;
  for (const [bucket, count] of [...durations].sort(([a], [b]) => a - b)) {
    seen += count;
    if (seen >= total * q) return toMs(bucket);
  }
  return 0;
}

function toMs(bucket: number): number {
  return Number((SHORTEST_MS * BUCKET_GROWTH ** (bucket + 0.5)).toPrecision(2));
}
