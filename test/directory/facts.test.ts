import { expect, it } from 'vitest';
import { type FactsRow, formatRegions, parseRegions, toFacts } from '../../src/directory/facts.ts';

const NOTHING: FactsRow = {
  user_status: null,
  room_status: null,
  has_member: null,
  has_video: null,
  video_status: null,
  available_from: null,
  available_until: null,
  regions: null,
};

it('a row without user, room and video has no facts', () => {
  expect(toFacts(NOTHING)).toStrictEqual({ user: undefined, room: undefined, video: undefined });
});

it.each([
  ['SQLite', 1, 0, 7],
  ['PostgreSQL', true, null, '7'],
])('a row of %s has the facts of user, room and video', (_, yes, no, time) => {
  const row: FactsRow = {
    user_status: 'suspended',
    room_status: 'closed',
    has_member: yes,
    has_video: no,
    video_status: 'withdrawn',
    available_from: time,
    available_until: null,
    regions: 'SG,MY',
  };
  const video = { status: 'withdrawn', availableFrom: 7, availableUntil: null };
  expect(toFacts(row)).toStrictEqual({
    user: { status: 'suspended' },
    room: { status: 'closed', hasMember: true, hasVideo: false },
    video: { ...video, regions: ['SG', 'MY'] },
  });
});

it.each([
  [null, null],
  [[], ''],
  [['SG'], 'SG'],
  [['SG', 'MY'], 'SG,MY'],
])('the regions %j are %j in the database, and the same when they are read', (regions, text) => {
  expect(formatRegions(regions)).toBe(text);
  expect(parseRegions(text)).toEqual(regions);
});
