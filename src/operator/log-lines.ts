import { z } from 'zod';
import type { Decision } from './decision-store.ts';
import type { ReportKind } from './report-format.ts';

/** Records inside records: a batch of a cloud, its list, the record of a node's collector, the line of a container. */
const MAX_DEPTH = 32;
/** Every line that could hold a decision of a kind contains this text, also inside quoted JSON. */
export function mentionOf(kind: ReportKind): string {
  return `${kind}_token`;
}

/** The fields that every decision in the audit log has; the service writes no line without them. */
function decisionSchema(kind: ReportKind, needed: readonly ('roomId' | 'videoId')[]) {
  return z
    .object({
      event: z.literal(mentionOf(kind)),
      requestId: z.string().min(1),
      outcome: z.enum(['issued', 'denied', 'failed']),
      code: z.string().regex(/^[a-z][a-z_]*$/),
      ip: z.string().min(1),
      durationMs: z.number().min(0),
      userId: z.string().optional(),
      roomId: z.string().optional(),
      videoId: z.string().optional(),
      country: z
        .string()
        .regex(/^[A-Z]{2}$/)
        .optional(),
    })
    .refine(({ outcome, code }) => (outcome === 'issued') === (code === 'issued'))
    .refine(
      (data) => data.outcome !== 'issued' || (data.userId && needed.every((field) => data[field])),
    );
}

type DecisionSchema = ReturnType<typeof decisionSchema>;

const SCHEMAS: Record<ReportKind, DecisionSchema> = {
  video: decisionSchema('video', ['roomId', 'videoId']),
  room: decisionSchema('room', ['roomId']),
  basic: decisionSchema('basic', []),
};

type Fields = Record<string, unknown>;

const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown) => typeof value === 'string';
const isNumber = (value: unknown) => typeof value === 'number';
const isStdout = (value: unknown) => value === 'stdout';
const isAny = (value: unknown) => value !== undefined;

/** A record that a log collector makes of a line, or of the fields of a line. */
type Wrapper = {
  /** The field with the line, or with its fields. */
  field: string;
  /** Fields that this collector adds; one of them recognizes its records. */
  marks: Readonly<Record<string, (value: unknown) => boolean>>;
  /** Where `field` has objects, or a list of them: their field with the line. */
  member?: string;
};

/**
 * From the documentation of the collectors. `field` alone would not be enough: any program may log, as a message, a
 * text that somebody sent to it.
 */
const WRAPPERS: readonly Wrapper[] = [
  // Docker's json-file driver; FireLens of Amazon ECS; Fluent Bit and Fluentd, with and without a parser.
  { field: 'log', marks: { stream: isStdout, source: isStdout, kubernetes: isRecord } },
  { field: 'log', marks: { container_id: isText, container_name: isText, date: isNumber } },
  { field: 'message', marks: { logtag: isText, _p: isText, kubernetes: isRecord } },
  // Google Cloud Logging.
  { field: 'jsonPayload', marks: { logName: isText, insertId: isText, resource: isRecord } },
  { field: 'textPayload', marks: { logName: isText, insertId: isText, resource: isRecord } },
  // Amazon CloudWatch Logs: a subscription filter, an event, Logs Insights.
  { field: 'logEvents', marks: { messageType: isText, logGroup: isText }, member: 'message' },
  { field: 'message', marks: { ingestionTime: isNumber, eventId: isText, logStreamName: isText } },
  { field: '@message', marks: { '@timestamp': isAny, '@logStream': isText, '@log': isText } },
  // Datadog: its API in two versions, and an archive.
  { field: 'attributes', marks: { type: (value) => value === 'log' } },
  { field: 'content', marks: { id: isText } },
  { field: 'attributes', marks: { service: isText, host: isText, tags: Array.isArray } },
  // Elastic's Filebeat and Agent; Vector.
  { field: 'message', marks: { agent: isRecord, ecs: isRecord, source_type: isText } },
  // Grafana Loki.
  { field: 'line', marks: { labels: isRecord, fields: isRecord } },
  // systemd's journal.
  { field: 'MESSAGE', marks: { __REALTIME_TIMESTAMP: isText, _SYSTEMD_UNIT: isText } },
  // Splunk: an exported search, and an event as its collector takes it.
  { field: 'result', marks: { preview: isAny, offset: isAny, lastrow: isAny } },
  { field: '_raw', marks: { _time: isAny, _indextime: isAny, sourcetype: isText } },
  { field: 'event', marks: { sourcetype: isText, index: isText } },
  // Azure Monitor.
  { field: 'LogMessage', marks: { LogSource: isStdout, TimeGenerated: isText } },
  { field: 'Log_s', marks: { TimeGenerated: isText, ContainerName_s: isText } },
  { field: 'Log', marks: { ContainerAppName: isText, TimeGenerated: isText } },
  // OpenTelemetry's file exporter.
  { field: 'resourceLogs', marks: { resourceLogs: Array.isArray } },
  { field: 'scopeLogs', marks: { resource: isRecord, scopeLogs: Array.isArray } },
  { field: 'logRecords', marks: { scope: isRecord, logRecords: Array.isArray } },
  {
    field: 'body',
    marks: { timeUnixNano: isAny, observedTimeUnixNano: isAny },
    member: 'stringValue',
  },
];

/** The fields in which collectors keep the time of a line; `time` is the service's own. */
const TIME_FIELDS = ['time', '@timestamp', 'timestamp', 'date', '_time', 'TimeGenerated'];

const ISO_TIME = '\\d{4}-\\d\\d-\\d\\dT[\\d:.,]+(?:Z|[+-]\\d\\d:?\\d\\d)';

const WHOLE_TIME = new RegExp(`^${ISO_TIME}$`);
/** The end of the year 9999. */
const MAX_MS = 253_402_300_799_999;

const JSON_START = /^\s*[[{]/;

/** Texts before a line, in this order; each may be missing. */
const PREFIXES = [
  // A byte order mark; Docker Compose, or `kubectl logs --prefix`.
  /^\ufeff/,
  /^(?:[\w.-]+ +\| |\[pod\/[^\]\s]+\] )/,
  // syslog (RFC 5424), syslog and journalctl (RFC 3164), Fluentd's files.
  /^<\d{1,3}>1 \S+ \S+ \S+ \S+ \S+ (?:-|\[[^\]]*\]) \ufeff?/,
  /^(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d [\d:]{8} \S+ [\w.@/-]+(?:\[\d+\])?: /,
  new RegExp(`^${ISO_TIME} \\S+ [\\w.@/-]+(?:\\[\\d+\\])?: `),
  new RegExp(`^${ISO_TIME}\\t[\\w.-]+\\t`),
  // `--timestamps`, an export of CloudWatch; then the CRI's stream, of which a whole line has the tag F.
  new RegExp(`^${ISO_TIME} (?:stdout F )?`),
];

/** Decisions and what could not be read in a line of a log. */
export type LogLine = { decisions: Decision[]; unreadable: number };

/**
 * Finds the decisions in a line of the audit log, as the service or a log collector writes it. A text that only
 * contains a decision is counted as unreadable, because anybody could have sent it to a program that logs it.
 */
export function readLogLine(line: string, kind: ReportKind = 'video'): LogLine {
  const found: Found = { kind, mention: mentionOf(kind), decisions: [], unreadable: 0 };
  read(line, undefined, MAX_DEPTH, found);
  const { decisions, unreadable } = found;
  const isSilent = decisions.length === 0 && unreadable === 0;
  return { decisions, unreadable: isSilent && line.includes(found.mention) ? 1 : unreadable };
}

/** What is looked for, and what has been found so far. */
type Found = LogLine & { kind: ReportKind; mention: string };

function read(value: unknown, day: string | undefined, depth: number, found: Found): void {
  if (typeof value === 'string') {
    const parsed = parse(value);
    if (parsed !== undefined && depth > 0) read(parsed, day, depth - 1, found);
    else if (value.includes(found.mention)) found.unreadable++;
  } else if (Array.isArray(value) && depth > 0) {
    for (const element of value) read(element, day, depth - 1, found);
  } else if (isRecord(value)) readRecord(value, day, depth, found);
}

function readRecord(record: Fields, outer: string | undefined, depth: number, found: Found) {
  const day = dayOf(record) ?? outer;
  const { success, data } = SCHEMAS[found.kind].safeParse(record);
  const isForeign = isErrorStream(record);
  if (success && day !== undefined && !isForeign) {
    found.decisions.push(toDecision(found.kind, data, day));
    return;
  }
  const wrapper = WRAPPERS.find(
    ({ field, marks }) =>
      Object.hasOwn(record, field) && Object.entries(marks).some(([name, is]) => is(record[name])),
  );
  const content = wrapper && contentOf(record, wrapper);
  if (wrapper && depth > 0 && content !== found.mention && !isForeign) {
    read(content, day, depth - 1, found);
  } else if (JSON.stringify(record).includes(found.mention)) found.unreadable++;
}

function contentOf(record: Fields, { field, member }: Wrapper): unknown {
  const content = record[field];
  if (member === undefined) return content;
  const membersOf = (value: unknown) => (isRecord(value) ? value[member] : value);
  return Array.isArray(content) ? content.map(membersOf) : membersOf(content);
}

/** The service writes decisions to standard output only. */
function isErrorStream({ stream, source, LogSource }: Fields): boolean {
  return [stream, source, LogSource].includes('stderr');
}

/** The JSON value of a line without the text that a collector puts before it. */
function parse(line: string): unknown {
  let text = line;
  if (!text.startsWith('{')) {
    for (const prefix of PREFIXES) text = text.replace(prefix, '');
    if (!JSON_START.test(text)) return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The day in UTC, such as 2026-11-24; numbers are Unix seconds or milliseconds. */
function dayOf(record: Fields): string | undefined {
  for (const name of TIME_FIELDS) {
    const value = record[name];
    const ms = typeof value === 'number' ? toMs(value) : parseTime(value);
    if (!(ms >= 0 && ms <= MAX_MS)) continue;
    return String(value).endsWith('Z') ? String(value).slice(0, 10) : toDay(ms);
  }
  return undefined;
}

function toMs(time: number): number {
  return time < 1e11 ? time * 1000 : time;
}

function parseTime(value: unknown): number {
  return typeof value === 'string' && WHOLE_TIME.test(value) ? Date.parse(value) : Number.NaN;
}

function toDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** What a row is about: the film, or the room of a room token. */
function toDecision(kind: ReportKind, data: z.output<DecisionSchema>, day: string): Decision {
  const { country: territory = '-', userId: user, outcome, code, durationMs } = data;
  const subject = { video: data.videoId, room: data.roomId, basic: undefined }[kind];
  return { day, video: subject ?? '-', territory, outcome, code, user, durationMs };
}
