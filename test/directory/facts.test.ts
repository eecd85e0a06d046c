import { expect, it } from 'vitest';
import { TABLES } from '../../src/directory/entries.ts';
import { type FactsRow, selectFacts, toFacts } from '../../src/directory/facts.ts';

const NOTHING: FactsRow = [null, null, null, null, null, null, null, null, null];

it('a row without user, room and video has no facts', () => {
  expect(toFacts(NOTHING)).toStrictEqual({ user: undefined, room: undefined, video: undefined });
});

it.each([
  ['SQLite', 1, 0, 7],
  ['PostgreSQL', true, null, '7'],
])('a row of %s has the facts of user, room and video', (_, yes, no, time) => {
  const row: FactsRow = ['suspended', 'closed', yes, no, 'withdrawn', time, null, 'SG,MY', null];
  const licences = [{ from: 7, until: null, regions: ['SG', 'MY'] }];
  expect(toFacts(row)).toStrictEqual({
    user: { status: 'suspended' },
    room: { status: 'closed', hasMember: true, hasVideo: false },
    video: { status: 'withdrawn', licences },
  });
});

it('a row of the select list has its facts at their places, whatever their order', () => {
  const texts = selectFacts({ userId: '?1', roomId: '?2', videoId: '?3' }).split(',\n');
  const values: Record<string, unknown> = {
    'FROM users': 'active',
    'FROM rooms': 'open',
    'FROM room_members': 1,
    'FROM room_videos': null,
    'video.status': 'available',
    'video.available_from': 1,
    'video.available_until': 2,
    'video.regions': 'SG',
    'FROM video_licences': '3:4:*;::SG,MY;::',
  };
  const row = texts.map((text) => {
    const [found] = Object.keys(values)
      .toReversed()
      .filter((part) => new RegExp(`${part}\\b`).test(text));
    return values[found as string];
  });
  expect(row).toHaveLength(Object.keys(values).length);
  expect(toFacts(row)).toStrictEqual({
    user: { status: 'active' },
    room: { status: 'open', hasMember: true, hasVideo: false },
    video: {
      status: 'available',
      licences: [
        { from: 1, until: 2, regions: ['SG'] },
        { from: 3, until: 4, regions: null },
        { from: null, until: null, regions: ['SG', 'MY'] },
        { from: null, until: null, regions: [] },
      ],
    },
  });
});

it.each([
  [null, null],
  [[], ''],
  [['SG'], 'SG'],
  [['SG', 'MY'], 'SG,MY'],
])('the regions %j are %j in the database, and the same when they are read', (regions, text) => {
  const { toSql, fromSql } = TABLES.video.columns.regions;
  expect(toSql(regions)).toBe(text);
  expect(fromSql(text)).toEqual(regions);
});
