import { expect, it } from 'vitest';
import { type FactsRow, formatRegions, parseRegions, toFacts } from '../../src/directory/facts.ts';

const NOTHING: FactsRow = [null, null, null, null, null, null, null, null];

it('a row without user, room and video has no facts', () => {
  expect(toFacts(NOTHING)).toStrictEqual({ user: undefined, room: undefined, video: undefined });
});

it.each([
  ['SQLite', 1, 0, 7],
  ['PostgreSQL', true, null, '7'],
])('a row of %s has the facts of user, room and video', (_, yes, no, time) => {
  const row: FactsRow = ['suspended', 'closed', yes, no, 'withdrawn', time, null, 'SG,MY'];
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
