import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLogLine } from '../../src/operator/log-lines.ts';
import { loggedDecision } from '../support/decision.ts';

const DECISION = loggedDecision({ country: 'SG', durationMs: 1.25 });
const LINE = JSON.stringify(DECISION);
const AT = '2026-11-24T08:00:01.123456789Z';
const { time: _time, ...WITHOUT_TIME } = DECISION;

const READ = {
  day: '2026-11-24',
  video: 'film',
  territory: 'SG',
  outcome: 'issued',
  code: 'issued',
  user: 'User_123',
  durationMs: 1.25,
};

/** How a collector keeps a line of a container. */
type AroundText = [name: string, wrap: (line: string) => string];

const AROUND_TEXT: AroundText[] = [
  ['docker json-file', (line) => json({ log: `${line}\n`, stream: 'stdout', time: AT })],
  ['docker compose logs', (line) => `replica1-1  | ${line}`],
  ['docker compose logs -t', (line) => `zego-video-token-1  | ${AT} ${line}`],
  ['the CRI', (line) => `${AT} stdout F ${line}`],
  ['kubectl logs --timestamps', (line) => `${AT} ${line}`],
  ['kubectl logs --prefix', (line) => `[pod/video-token-5f7/service] ${line}`],
  [
    'Fluent Bit, CRI',
    (line) => json({ date: 1795507201.1, time: AT, stream: 'stdout', _p: 'F', log: line }),
  ],
  ['Fluent Bit, no parser', (line) => json({ date: 1795507201.1, log: line })],
  [
    'Fluent Bit, message',
    (line) => json({ time: AT, stream: 'stdout', logtag: 'F', message: line }),
  ],
  [
    'Fluentd out_file',
    (line) =>
      `2026-11-24T08:00:01+00:00\tkube.video-token\t${json({ log: line, stream: 'stdout' })}`,
  ],
  [
    'Google Cloud textPayload',
    (line) => json({ insertId: 'a', textPayload: line, resource: {}, timestamp: AT }),
  ],
  [
    'Google Cloud jsonPayload.log',
    (line) => json({ insertId: 'a', jsonPayload: { log: line, stream: 'stdout' }, logName: 'l' }),
  ],
  ['CloudWatch export', (line) => `2026-11-24T08:00:01.123Z ${line}`],
  [
    'CloudWatch event',
    (line) => json({ timestamp: 1795507201123, message: line, ingestionTime: 1795507202000 }),
  ],
  [
    'CloudWatch subscription',
    (line) =>
      json({
        messageType: 'DATA_MESSAGE',
        logGroup: '/ecs/video-token',
        logEvents: [{ id: '1', timestamp: 1795507201123, message: line, eventId: '1' }].map(
          ({ eventId: _, ...event }) => event,
        ),
      }),
  ],
  [
    'CloudWatch Insights',
    (line) => json({ '@timestamp': '2026-11-24 08:00:01.123', '@message': line }),
  ],
  [
    'FireLens of Amazon ECS',
    (line) =>
      json({
        source: 'stdout',
        log: line,
        container_id: 'c',
        container_name: 'n',
        ecs_cluster: 'e',
      }),
  ],
  ['Datadog archive', (line) => json({ _id: 'A', date: AT, service: 's', attributes: line })],
  [
    'Filebeat',
    (line) =>
      json({ '@timestamp': AT, message: line, stream: 'stdout', ecs: { version: '8.0.0' } }),
  ],
  [
    'Vector',
    (line) => json({ message: line, source_type: 'docker_logs', stream: 'stdout', timestamp: AT }),
  ],
  ['Loki', (line) => json({ labels: { app: 'video-token' }, line, timestamp: AT })],
  [
    "systemd's journal",
    (line) => json({ MESSAGE: line, _SYSTEMD_UNIT: 'v.service', __REALTIME_TIMESTAMP: '1' }),
  ],
  ['journalctl', (line) => `Nov 24 08:00:01 host zego-video-token[812]: ${line}`],
  [
    'journalctl -o short-iso',
    (line) => `2026-11-24T08:00:01+00:00 host zego-video-token[812]: ${line}`,
  ],
  ['syslog', (line) => `<30>Nov  4 08:00:01 host zego-video-token[812]: ${line}`],
  ['syslog of RFC 5424', (line) => `<30>1 ${AT} host zego-video-token 812 - [a@1 b="c"] ${line}`],
  [
    'Splunk export',
    (line) => json({ preview: false, offset: 0, result: { _raw: line, _time: AT } }),
  ],
  ['Splunk event', (line) => json({ time: 1795507201.1, sourcetype: 'httpevent', event: line })],
  [
    'Azure ContainerLogV2',
    (line) => json({ TimeGenerated: AT, LogSource: 'stdout', LogMessage: line }),
  ],
  [
    'Azure Container Apps',
    (line) => json({ TimeGenerated: AT, ContainerName_s: 'c', Log_s: line }),
  ],
  [
    'OpenTelemetry',
    (line) =>
      json({
        resourceLogs: [
          {
            resource: {},
            scopeLogs: [
              { scope: {}, logRecords: [{ timeUnixNano: '1', body: { stringValue: line } }] },
            ],
          },
        ],
      }),
  ],
];

/** How a collector keeps the fields of a line that it has parsed. */
const AROUND_FIELDS: [name: string, wrap: (fields: object) => string][] = [
  [
    'Fluent Bit, merged',
    (fields) => json({ date: 1795507201.1, stream: 'stdout', log: LINE, ...fields }),
  ],
  [
    'Google Cloud',
    (fields) => json({ insertId: 'a', jsonPayload: fields, timestamp: AT, severity: 'INFO' }),
  ],
  [
    'Google Cloud, a list',
    (fields) => json([{ insertId: 'a', jsonPayload: fields, timestamp: AT }]),
  ],
  [
    'Datadog archive',
    (fields) => json({ _id: 'A', date: AT, host: 'h', message: 'm', attributes: fields }),
  ],
  [
    'Datadog API',
    (fields) =>
      json({
        id: 'A',
        type: 'log',
        attributes: { timestamp: AT, service: 's', tags: [], attributes: fields },
      }),
  ],
  [
    'Datadog API, version 1',
    (fields) => json({ id: 'A', content: { timestamp: AT, host: 'h', attributes: fields } }),
  ],
  [
    'Fluentd forward',
    (fields) =>
      json(
        [1795507201, fields, {}]
          .slice(0, 2)
          .map((part) => (part === fields ? { date: 1795507201, ...fields } : part)),
      ),
  ],
  ['Splunk event', (fields) => json({ time: 1795507201, sourcetype: '_json', event: fields })],
  [
    'Azure ContainerLogV2',
    (fields) => json({ TimeGenerated: AT, LogSource: 'stdout', LogMessage: fields }),
  ],
];

const json = JSON.stringify;

describe('a line of the audit log', () => {
  it.each(AROUND_TEXT)('is read from %s', (_name, wrap) => {
    expect(readLogLine(wrap(LINE))).toEqual({ decisions: [READ], unreadable: 0 });
    expect(readLogLine(`${wrap(LINE)}\r`)).toEqual({ decisions: [READ], unreadable: 0 });
  });

  it.each(AROUND_FIELDS)(
    'is read from the fields of %s, with and without its time',
    (_name, wrap) => {
      for (const fields of [DECISION, WITHOUT_TIME]) {
        expect(readLogLine(wrap(fields))).toEqual({ decisions: [READ], unreadable: 0 });
      }
    },
  );

  it('is read from collectors behind each other', () => {
    for (const [, outer] of AROUND_TEXT) {
      for (const [, inner] of AROUND_TEXT) {
        const line = outer(inner(LINE));
        const isPrefixedTwice = !line.startsWith('{') && !inner(LINE).startsWith('{');
        if (isPrefixedTwice) continue;
        expect(readLogLine(line), line).toEqual({ decisions: [READ], unreadable: 0 });
      }
    }
  });

  it('is one of several in a batch, of which the unreadable ones are counted', () => {
    const events = [LINE, 'GET / 200', LINE.slice(0, -9), LINE].map((message) => ({
      timestamp: 1,
      message,
      ingestionTime: 2,
    }));
    const batch = json({ messageType: 'DATA_MESSAGE', logEvents: events });
    expect(readLogLine(batch)).toEqual({ decisions: [READ, READ], unreadable: 1 });
  });
});

/** Texts that contain a decision which the service did not write. */
const FOREIGN: [name: string, line: string][] = [
  ['behind the words of another program', `user said ${LINE}`],
  ['before the words of another program', `${LINE} said the user`],
  ['in a request line', `203.0.113.7 - - "GET /?${LINE} HTTP/1.1" 200`],
  ['in a message', json({ level: 'info', time: AT, msg: LINE })],
  ['in a field log', json({ level: 'info', time: AT, log: LINE })],
  ['in a field message', json({ level: 'info', time: AT, message: LINE })],
  ['in a message beside what looks like a mark', json({ message: LINE, agent: 'Mozilla/5.0' })],
  ['as an object in a field', json({ level: 'info', time: AT, body: DECISION })],
  ['in attributes', json({ attributes: DECISION, time: AT })],
  ['twice quoted', json(LINE)],
  ['from standard error', `${AT} stderr F ${LINE}`],
  ['from standard error, of docker', json({ log: LINE, stream: 'stderr', time: AT })],
  ['from standard error, parsed', json({ ...DECISION, stream: 'stderr' })],
  ['as a part of a line of the CRI', `${AT} stdout P ${LINE}`],
  ['cut', LINE.slice(0, -1)],
  ['without its start', LINE.slice(1)],
  ['of Prometheus', 'video_token_decisions_total{outcome="issued"} 3'],
];

/** Each makes of a decision one that the service does not write. */
const INCOMPLETE: [name: string, fields: object][] = [
  ...[
    'requestId',
    'outcome',
    'code',
    'ip',
    'durationMs',
    'userId',
    'roomId',
    'videoId',
    'time',
  ].map((name): [string, object] => [`no ${name}`, { [name]: undefined }]),
  ['an unknown outcome', { outcome: 'allowed' }],
  ['a code that contradicts the outcome', { code: 'video_ended' }],
  ['an outcome that contradicts the code', { outcome: 'denied' }],
  ['a duration as text', { durationMs: '1' }],
  ['a negative duration', { durationMs: -1 }],
  ['a user that is a number', { userId: 7 }],
  ['a country in small letters', { country: 'sg' }],
  ['a time without a date', { time: '08:00' }],
  ['a time that is a number in a text', { time: '12' }],
  ['an impossible time', { time: '2026-13-45T08:00:00Z' }],
];

describe('a line that is not a decision', () => {
  it.each(FOREIGN)('is counted and makes no row: %s', (_name, line) => {
    expect(readLogLine(line)).toEqual({ decisions: [], unreadable: 1 });
    for (const [, wrap] of AROUND_TEXT) {
      expect(readLogLine(wrap(line))).toEqual({ decisions: [], unreadable: 1 });
    }
  });

  it.each(INCOMPLETE)('is counted and makes no row: %s', (_name, fields) => {
    const line = json({ ...DECISION, ...fields });
    expect(readLogLine(line)).toEqual({ decisions: [], unreadable: 1 });
  });

  it('never makes a row, whatever a stranger writes around a decision in the log of a collector', () => {
    const text = fc.string({
      unit: fc.constantFrom('{', '}', '"', '\\', '[', ':', ' ', 'a', '\t', ','),
    });
    fc.assert(
      fc.property(text, text, fc.constantFrom(...AROUND_TEXT), (before, after, [, wrap]) => {
        fc.pre(before.trim() !== '' && !/^\s*\[[\s[]*$/.test(before));
        const line = wrap(json({ level: 'info', msg: `${before}${LINE}${after}` }));
        expect(readLogLine(line)).toEqual({ decisions: [], unreadable: 1 });
        expect(readLogLine(wrap(`${before}${LINE}${after}`)).decisions).toEqual([]);
      }),
    );
  });

  it.each(['', 'ready', '{"event":"other"}', '[]', 'null', `${AT} stdout F `])(
    'is passed over when it mentions none: %j',
    (line) => {
      expect(readLogLine(line)).toEqual({ decisions: [], unreadable: 0 });
    },
  );
});
