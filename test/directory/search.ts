import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decide, decideEvening, type EveningDecisions } from '../../src/access/rules.ts';
import type { Database } from '../../src/directory/database.ts';
import type { EntryType } from '../../src/directory/entries.ts';
import { checkEvening } from '../../src/directory/evening.ts';
import { entriesOf, listEntries, roomsWith } from '../../src/directory/search.ts';
import { createStore } from '../../src/directory/store.ts';
import { load } from '../support/directory.ts';

/** Names and titles that a search must find, and not confuse. */
const NAMES: Record<string, string | null> = {
  User_123: 'Wang Li 王丽',
  User_456: 'Ayşe İpek',
  User_789: 'Jürgen GROSS',
  'percent%': '100% sure',
  under_score: 'under_score name',
  'back\\slash': 'C:\\films',
  "quote'": `O'Brien "the 'second'"`,
  emoji: '🎬'.repeat(32),
  full: 'ＡＢＣ ｶﾀｶﾅ',
  sharp: 'Straße',
  sigma: 'ΟΔΟΣ',
  none: null,
  王: '张伟',
};

/** What is searched, and who is found. */
const SEARCHES: [string, string[]][] = [
  ['', Object.keys(NAMES)],
  ['   ', Object.keys(NAMES)],
  ['wang', ['User_123']],
  ['WANG li', ['User_123']],
  ['li wang', ['User_123']],
  ['wang ayşe', []],
  ['王', ['User_123', '王']],
  ['丽', ['User_123']],
  ['王丽', ['User_123']],
  ['伟', ['王']],
  ['User_', ['User_123', 'User_456', 'User_789']],
  ['user_4', ['User_456']],
  ['ser_4', []],
  ['%', ['percent%']],
  ['percent%', ['percent%']],
  ['percentX', []],
  ['_', ['under_score']],
  ['under_s', ['under_score']],
  ['\\', ['back\\slash']],
  ['c:\\films', ['back\\slash']],
  ["'", ["quote'"]],
  [`"the 'second'"`, ["quote'"]],
  [`'); DROP TABLE users; --`, []],
  ['🎬', ['emoji']],
  ['🎬'.repeat(32), ['emoji']],
  ['🎬'.repeat(33), []],
  ['abc', ['full']],
  ['カタカナ', ['full']],
  ['ｶﾀｶﾅ', ['full']],
  ['straße', ['sharp']],
  ['STRAßE', ['sharp']],
  ['strasse', ['sharp']],
  ['STRASSE', ['sharp']],
  ['groß', ['User_789']],
  ['gross', ['User_789']],
  ['οδοσ', ['sigma']],
  ['οδος', ['sigma']],
  ['jürgen', ['User_789']],
  ['JÜRGEN', ['User_789']],
  ['İPEK', ['User_456']],
  ['ipek', ['User_456']],
  ['IPEK', ['User_456']],
  ['ıpek', ['User_456']],
  ['ayşe', ['User_456']],
];

/** What both databases must find. */
export function describeSearch(name: string, open: () => Promise<Database>): void {
  describe(`searching ${name}`, () => {
    let database: Database;
    beforeAll(async () => {
      database = await open();
      const entries = Object.entries(NAMES);
      await load(database, [
        ...entries.map(([id, name]) => ({ type: 'user', id, name })),
        ...entries.map(([id, title]) => ({ type: 'video', id, title })),
        { type: 'room', id: 'r1', videoIds: ['sharp', 'full'], memberIds: ['User_123', 'emoji'] },
        { type: 'room', id: 'r2', videoIds: ['sharp'], memberIds: ['emoji'] },
        { type: 'room', id: 'R3%', videoIds: [] },
      ]);
    });
    afterAll(() => database.close());

    const idsOf = async (type: EntryType, q: string, limit = 100) =>
      (await listEntries(database, type, { q, limit })).entries.map(({ id }) => id);

    it.each(SEARCHES)('finds by %j', async (q, expected) => {
      expect(new Set(await idsOf('user', q))).toEqual(new Set(expected));
      expect(new Set(await idsOf('video', q))).toEqual(new Set(expected));
    });

    it.each([
      ['r', ['R3%', 'r1', 'r2']],
      ['R3', ['R3%']],
      ['r3%', ['R3%']],
      ['1', []],
    ])('finds rooms by the beginning of their id: %j', async (q, expected) => {
      expect(new Set(await idsOf('room', q))).toEqual(new Set(expected));
    });

    it('finds the rooms of a user and of a video, and the videos of a room', async () => {
      const rooms = async (...links: ReturnType<typeof roomsWith>[]) =>
        (await listEntries(database, 'room', { limit: 9 }, links)).entries.map(({ id }) => id);
      expect(await rooms(roomsWith('memberIds', 'emoji'))).toEqual(['r1', 'r2']);
      expect(await rooms(roomsWith('videoIds', 'full'))).toEqual(['r1']);
      const both = [roomsWith('memberIds', 'User_123'), roomsWith('videoIds', 'sharp')];
      expect(await rooms(...both)).toEqual(['r1']);
      expect(await rooms(roomsWith('memberIds', 'nobody'))).toEqual([]);
      const links = [entriesOf('videoIds', 'r1')];
      const { entries } = await listEntries(database, 'video', { limit: 9 }, links);
      expect(entries.map(({ id, title }) => [id, title])).toEqual([
        ['full', NAMES.full],
        ['sharp', NAMES.sharp],
      ]);
    });

    it.each([1, 2, 5, 11, 12])('gives each entry once in pages of %i', async (limit) => {
      const seen: string[] = [];
      let after: string | null = '';
      while (after !== null) {
        const page: Awaited<ReturnType<typeof listEntries>> = await listEntries(database, 'user', {
          ...{ limit, after },
        });
        seen.push(...page.entries.map(({ id }) => id));
        after = page.next;
      }
      expect(seen.toSorted()).toEqual(Object.keys(NAMES).toSorted());
    });

    it('finds what another program wrote, before and after its text is filled in', async () => {
      await database.transaction(async ({ query }) => {
        await query(`UPDATE videos SET title = 'ÄNDERUNG' WHERE id = 'none'`);
        await query(`UPDATE videos SET title = 'Ｆｕｌｌ' WHERE id = 'full'`);
        await query(`INSERT INTO users (id, name) VALUES ('new', 'ÄNDERUNG')`);
      });
      const find = () =>
        Promise.all([
          idsOf('video', 'änderung'),
          idsOf('user', 'änderung'),
          idsOf('video', 'full'),
          idsOf('video', 'カタカナ'),
          idsOf('video', 'abc'),
        ]);
      const expected = [['none'], ['new'], ['full'], [], []];
      expect(await find()).toEqual(expected);
      const { changes } = await readAll(database);
      await createStore(database).fillSearch();
      const [left] = await database.query(
        'SELECT count(*) AS count FROM videos WHERE search IS NULL AND title IS NOT NULL',
      );
      expect(Number(left?.count)).toBe(0);
      expect(await find()).toEqual(expected);
      // To fill it in is no change.
      expect((await readAll(database)).changes).toBe(changes);
    });

    it('finds by any part of a name what it finds by hand', async () => {
      const part = fc.constantFrom('a', 'Ä', 'ß', 'İ', '王', 'ｶ', '🎬', '%', '_', '\\', "'", ' ');
      const text = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
      await fc.assert(
        fc.asyncProperty(text, text, async (name, q) => {
          await createStore(database).put(
            { actor: 'test', requestId: 'r' },
            ...(['user', 'any', { name }] as const),
          );
          const fold = (value: string) => value.normalize('NFKC').toLowerCase();
          const words = fold(q).split(/\s+/u).filter(Boolean);
          const isFound = words.every(
            (word) => fold(name).includes(word) || 'any'.startsWith(word),
          );
          expect((await idsOf('user', q)).includes('any')).toBe(isFound);
        }),
        { numRuns: 60 },
      );
    });

    it('says in a change that a name changed, and not which', async () => {
      const author = { actor: 'support', requestId: 'rename' };
      await createStore(database).put(author, 'user', 'sharp', { name: 'Canary Name' });
      const rows = await database.query(
        `SELECT actor, before, after FROM changes WHERE request_id = 'rename'`,
      );
      expect(rows).toHaveLength(1);
      expect(JSON.stringify(rows)).not.toContain('Canary');
      expect(JSON.parse(String(rows[0]?.after))).toEqual({ status: 'active', name: 'changed' });
    });
  });

  describeEvening(name, open);
}

async function readAll(database: Database): Promise<{ changes: number }> {
  const [row] = await database.query('SELECT count(*) AS count FROM changes');
  return { changes: Number(row?.count) };
}

function describeEvening(name: string, open: () => Promise<Database>): void {
  describe(`the check before the evening over ${name}`, () => {
    let database: Database;
    beforeAll(async () => {
      database = await open();
    });
    afterAll(() => database.close());

    it('decides like single requests at the beginning and for the last second', async () => {
      const moment = fc.integer({ min: 100, max: 110 });
      const end = fc.option(moment, { nil: undefined });
      const licence = fc
        .record({
          from: end,
          until: end,
          regions: fc.option(fc.subarray(['SG', 'MY']), { nil: undefined }),
        })
        .map(({ from, until, ...rest }) => ({
          ...(from !== undefined && { from }),
          ...(until !== undefined && until > (from ?? 0) && { until }),
          ...(rest.regions && rest),
        }));
      const evening = fc.record({
        licences: fc.array(licence, { maxLength: 3 }),
        suspended: fc.boolean(),
        isOpen: fc.boolean(),
        isThere: fc.boolean(),
        startsAt: moment,
        runtimeSeconds: fc.integer({ min: 1, max: 10 }),
        country: fc.constantFrom('SG', 'MY', 'TH', undefined),
      });
      await fc.assert(
        fc.asyncProperty(evening, async ({ startsAt, runtimeSeconds, country, ...given }) => {
          await load(database, [
            { type: 'user', id: 'a', status: given.suspended ? 'suspended' : 'active' },
            { type: 'user', id: 'b' },
            { type: 'video', id: 'film', licences: given.licences },
            { type: 'video', id: 'other' },
            {
              ...{ type: 'room', id: 'room', status: given.isOpen ? 'open' : 'closed' },
              ...{ videoIds: ['other', ...(given.isThere ? ['film'] : [])], memberIds: ['a', 'b'] },
            },
          ]);
          const result = await checkEvening(database, {
            ...{ roomId: 'room', videoId: 'film', startsAt, runtimeSeconds },
            countryOf: (userId) => (userId === 'a' ? country : 'SG'),
          });
          if (typeof result === 'string') throw new Error(result);
          const facts = (status: 'active' | 'suspended') => ({
            user: { status },
            room: {
              status: given.isOpen ? ('open' as const) : ('closed' as const),
              ...{ hasMember: true, hasVideo: given.isThere },
            },
            video: {
              status: 'available' as const,
              licences: given.licences.map(({ from = null, until = null, regions = null }) => ({
                ...{ from, until, regions },
              })),
            },
          });
          const expected = (['a', 'b'] as const).map((userId) => {
            const known = facts(userId === 'a' && given.suspended ? 'suspended' : 'active');
            const where = userId === 'a' ? country : 'SG';
            // Second by second, as tokens would be asked for.
            const seconds = Array.from({ length: runtimeSeconds }, (_, index) =>
              decide(known, { country: where }, startsAt + index),
            );
            return {
              userId,
              atStart: seconds[0]?.allow,
              atEnd: seconds[0]?.allow
                ? seconds.every(({ allow }) => allow)
                : seconds.at(-1)?.allow,
              countryKnown: where !== undefined,
            };
          });
          expect(
            result.members.map(({ atStart, atEnd, ...member }) => ({
              ...{ ...member, atStart: atStart.allow, atEnd: atEnd.allow },
            })),
          ).toEqual(expected);
          expect(result.alternatives).toEqual(given.isOpen ? ['other'] : []);
        }),
        { numRuns: Number(process.env.EVENINGS ?? 40) },
      );
    });

    it('says what does not exist', async () => {
      await load(database, [{ type: 'room', id: 'room', videoIds: [] }]);
      const ask = (roomId: string) =>
        checkEvening(database, {
          ...{ roomId, videoId: 'no film', startsAt: 0, runtimeSeconds: 1 },
          countryOf: () => undefined,
        });
      expect(await ask('no room')).toBe('room');
      expect(await ask('room')).toBe('video');
    });
  });

  it('an evening whose licence ends in between names the reason of that moment', () => {
    const facts = {
      user: { status: 'active' as const },
      room: { status: 'open' as const, hasMember: true, hasVideo: true },
      video: {
        status: 'available' as const,
        licences: [
          { from: null, until: 105, regions: null },
          { from: 108, until: null, regions: null },
        ],
      },
    };
    expect(decideEvening(facts, undefined, 100, 110)).toEqual({
      atStart: { allow: true, notAfter: 105 },
      atEnd: { allow: false, code: 'video_not_started', availableFrom: 108 },
    } satisfies EveningDecisions);
    expect(decideEvening(facts, undefined, 100, 105).atEnd).toMatchObject({ allow: true });
  });
}
