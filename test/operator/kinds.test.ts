import { describe, expect, it } from 'vitest';
import { mentionOf, readLogLine } from '../../src/operator/log-lines.ts';
import { mintedKind } from '../../src/operator/mint.ts';
import { FORMATS, REPORT_KINDS } from '../../src/operator/report-format.ts';
import { loggedDecision } from '../support/decision.ts';

const { videoId: _videoId, ...ROOM } = loggedDecision({ roomId: 'room' });
const { roomId: _roomId, ...BASIC } = ROOM;

/** The line of each kind, and what its row is about. */
const LINES = {
  video: [loggedDecision({ videoId: 'film' }), 'film'],
  room: [{ ...ROOM, event: 'room_token' }, 'room'],
  basic: [{ ...BASIC, event: 'basic_token' }, '-'],
} as const;

describe.each(REPORT_KINDS)('a report of %s tokens', (kind) => {
  it('reads their lines, also inside of those of a collector, and no others', () => {
    for (const [other, [line, video]] of Object.entries(LINES)) {
      for (const text of [
        JSON.stringify(line),
        JSON.stringify({ log: JSON.stringify(line), stream: 'stdout' }),
      ]) {
        const { decisions, unreadable } = readLogLine(text, kind);
        expect(decisions.map((decision) => decision.video)).toEqual(other === kind ? [video] : []);
        expect(unreadable).toBe(0);
      }
    }
  });

  it('counts a line that only mentions one as unreadable', () => {
    expect(readLogLine(`somebody wrote ${mentionOf(kind)}`, kind).unreadable).toBe(1);
    const wrong = { ...LINES[kind][0], outcome: 'issued', code: 'denied' };
    expect(readLogLine(JSON.stringify(wrong), kind)).toEqual({ decisions: [], unreadable: 1 });
  });

  it('names what its rows are about', () => {
    const row = {
      ...{ day: '2026-12-01', video: 'x', territory: 'SG', issued: 1, denied: {}, failed: 0 },
      ...{ users: 1, p50Ms: 1, p99Ms: 1 },
    };
    const name = kind === 'room' ? 'room' : 'video';
    expect([...FORMATS.csv([row], kind)][0]).toContain(`day,${name},`);
    expect([...FORMATS.json([row], kind)].join('')).toContain(`"${name}":"x"`);
  });
});

it.each<[Parameters<typeof mintedKind>[0], object | RegExp]>([
  [
    { room: 'r', video: 'v' },
    { kind: 'video', roomId: 'r', videoId: 'v' },
  ],
  [
    { room: 'r', roomToken: true },
    { kind: 'room', roomId: 'r', publish: false },
  ],
  [
    { room: 'r', roomToken: true, publish: true },
    { kind: 'room', roomId: 'r', publish: true },
  ],
  [{ basicToken: true }, { kind: 'basic' }],
  [{}, /--room/],
  [{ room: 'r' }, /--video/],
  [{ roomToken: true }, /--room/],
  [{ room: 'r', video: 'v', roomToken: true }, /no --video/],
  [{ room: 'r', basicToken: true }, /opens any room/],
  [{ basicToken: true, roomToken: true, room: 'r' }, /not both/],
  [{ room: 'r', video: 'v', publish: true }, /goes with --room-token/],
])('mint with %j makes what it says, or says what is wrong', (options, expected) => {
  const about = mintedKind(options);
  if (expected instanceof RegExp) expect(about).toMatch(expected);
  else expect(about).toEqual(expected);
});
