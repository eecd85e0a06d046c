import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ChangeFilter, readChanges } from '../../src/directory/changes.ts';
import { SEARCH } from '../../src/directory/columns.ts';
import type { Database, Session } from '../../src/directory/database.ts';
import { type Changes, LINKS, TABLES } from '../../src/directory/entries.ts';
import { readEntry } from '../../src/directory/read.ts';
import { type Change, createStore, type Store } from '../../src/directory/store.ts';
import { exportDirectory, importDirectory } from '../../src/directory/transfer.ts';
import { load } from '../support/directory.ts';
import { rejectionOf } from '../support/errors.ts';

const SQL = `'); DROP TABLE rooms; --`;
const VIDEO = {
  title: null,
  status: 'available',
  availableFrom: null,
  availableUntil: null,
  regions: null,
} as const;

const ADMIN = { actor: 'admin', requestId: 'request' };
const OPS = { actor: 'cli:ops', requestId: 'command' };
const UNLIMITED = { availableFrom: null, availableUntil: null, regions: null };

/** How release 0.2.0 writes a film. */
const UPSERT_0_2_0 = `
  INSERT INTO videos (id, title, status, available_from, available_until, regions)
  VALUES ('film', NULL, 'available', 10, 20, 'SG')
  ON CONFLICT (id) DO UPDATE SET title = excluded.title, status = excluded.status,
    available_from = excluded.available_from, available_until = excluded.available_until,
    regions = excluded.regions`;

/** What the directory does over every database; `open` gives one with its schema. */
export function describeDirectory(name: string, open: () => Promise<Database>): void {
  describe(`the directory over ${name}`, () => {
    let database: Database;
    let store: Store;
    let changes: Change[];
    beforeAll(async () => {
      database = await open();
      store = createStore(database, (change) => void changes.push(change));
    });
    afterAll(() => database.close());
    beforeEach(async () => {
      changes = [];
      await database.transaction(async ({ query }) => {
        for (const table of ['rooms', 'users', 'videos']) await query(`DELETE FROM ${table}`);
      });
    });

    const putUser = (id: string, user: Changes['user']) => store.put(ADMIN, 'user', id, user);
    const putVideo = (id: string, video: Changes['video']) => store.put(ADMIN, 'video', id, video);
    const putRoom = (id: string, room: Changes['room']) => store.put(ADMIN, 'room', id, room);
    const readUser = (id: string) => readEntry(database, 'user', id);
    const readRoom = (id = 'room') => readEntry(database, 'room', id);

    it('keeps a user as it was put last', async () => {
      expect(await readUser('alice')).toBeUndefined();
      for (const status of ['active', 'suspended', 'suspended', 'active'] as const) {
        await putUser('alice', { status });
        expect(await readUser('alice')).toEqual({ status });
      }
    });

    it.each([
      ['bare', VIDEO],
      [
        'full',
        {
          title: 'Ein Film: “é🎬”',
          status: 'withdrawn',
          availableFrom: 1,
          availableUntil: 2,
          regions: ['SG', 'MY'],
        },
      ],
      [
        'at the edges',
        {
          ...VIDEO,
          title: '',
          availableFrom: 0,
          availableUntil: 253_402_300_799,
          regions: [],
        },
      ],
      ['with one region', { ...VIDEO, regions: ['SG'] }],
    ] as const)('keeps every field of a video: %s', async (_name, fields) => {
      const video = { ...fields, regions: fields.regions && [...fields.regions] };
      await putVideo('film', { ...VIDEO, title: 'before' });
      await putVideo('film', video);
      expect(await readEntry(database, 'video', 'film')).toEqual(video);
    });

    const FULL = {
      title: 'A film',
      status: 'withdrawn',
      availableFrom: 10,
      availableUntil: 20,
      regions: ['SG'],
    } as const;
    const stored = { ...FULL, regions: ['SG'] };

    it.each<[string, Changes['video'], object]>([
      ['nothing', {}, {}],
      ['a title', { title: 'Another' }, { title: 'Another' }],
      ['a status', { status: 'available' }, { status: 'available' }],
      ['a start', { availableFrom: 19 }, { availableFrom: 19 }],
      ['an end', { availableUntil: 11 }, { availableUntil: 11 }],
      ['countries', { regions: ['MY', 'TH'] }, { regions: ['MY', 'TH'] }],
      ['no country', { regions: [] }, { regions: [] }],
      ['null for the title', { title: null }, { title: null }],
      ['null for the start', { availableFrom: null }, { availableFrom: null }],
      ['null for the end', { availableUntil: null }, { availableUntil: null }],
      ['null for the countries', { regions: null }, { regions: null }],
    ])('keeps the fields that a change leaves out: %s', async (_name, change, changed) => {
      await putVideo('film', stored);
      expect(await putVideo('film', change)).toEqual({ ...stored, ...changed });
      await load(database, [
        { type: 'video', id: 'film', ...stored },
        { type: 'video', id: 'film', ...change },
      ]);
      expect(await readEntry(database, 'video', 'film')).toEqual({ ...stored, ...changed });
    });

    it('gives a new entry the defaults of the fields that are left out', async () => {
      expect(await putVideo('film', {})).toEqual(VIDEO);
      expect(await putUser('alice', {})).toEqual({ status: 'active' });
      expect(await putRoom('room', {})).toEqual({ status: 'open', videoIds: [], memberIds: [] });
    });

    it.each<[string, Changes['video']]>([
      ['ends before the start', { availableUntil: 10 }],
      ['begins at the end', { availableFrom: 20 }],
    ])('refuses a window that %s that is stored, and keeps it', async (_name, change) => {
      await putVideo('film', stored);
      const refused = { message: 'must be later than availableFrom', path: 'availableUntil' };
      expect(await rejectionOf(putVideo('film', change))).toMatchObject(refused);
      const line = [{ type: 'video', id: 'film', ...change }];
      expect(await rejectionOf(load(database, line))).toMatchObject({
        message: 'line 1: availableUntil: must be later than availableFrom',
      });
      expect(await readEntry(database, 'video', 'film')).toEqual(stored);
    });

    const SEVERAL = [{ from: 10, until: 20, regions: ['SG', 'MY'] }, { from: 30 }, { regions: [] }];

    it.each<[string, NonNullable<Changes['video']['licences']>, object]>([
      ['none', [], { ...UNLIMITED, regions: [] }],
      ['one without bounds', [{}], UNLIMITED],
      ['one', [{ from: 0, regions: ['SG'] }], { ...UNLIMITED, availableFrom: 0, regions: ['SG'] }],
      ['two', [{ until: 1 }, {}], { licences: [{ until: 1 }, {}] }],
      ['two that are equal', [{}, {}], { licences: [{}, {}] }],
      ['three', SEVERAL, { licences: SEVERAL }],
      [
        'a hundred',
        Array.from({ length: 100 }, (_, i) => ({ from: i, until: 253_402_300_799 - i })),
        {
          licences: Array.from({ length: 100 }, (_, i) => ({
            from: i,
            until: 253_402_300_799 - i,
          })),
        },
      ],
    ])(
      'keeps the licences of a film, the short form where it says all: %s',
      async (_, licences, kept) => {
        const answer = { title: null, status: 'available', ...kept };
        expect(await putVideo('film', { licences })).toEqual(answer);
        expect(await putVideo('film', { title: 'A film' })).toEqual({ ...answer, title: 'A film' });
        await load(database, [{ type: 'video', id: 'film', status: 'available', title: null }]);
        const [line = ''] = await Array.fromAsync(exportDirectory(database));
        expect(JSON.parse(line)).toEqual({ type: 'video', id: 'film', ...answer });
        await store.delete(ADMIN, 'video', 'film');
        await load(database, [JSON.parse(line)]);
        expect(await Array.fromAsync(exportDirectory(database))).toEqual([line]);
        expect(await putVideo('film', { licences: null })).toMatchObject(UNLIMITED);
      },
    );

    it.each<[string, Changes['video']]>([
      ['the start', { availableFrom: 1 }],
      ['null for the end', { availableUntil: null }],
      ['the countries', { regions: ['SG'] }],
      ['two of three', { availableFrom: 1, availableUntil: 2 }],
      ['a start behind the end of the first', { availableFrom: 4_102_444_800 }],
    ])(
      'refuses a part of the short form of a film with several licences: %s',
      async (_, change) => {
        await putVideo('film', { licences: SEVERAL });
        const error = await rejectionOf(putVideo('film', { title: 'Another', ...change }));
        expect(error).toMatchObject({ name: 'ConflictError', path: Object.keys(change)[0] });
        const line = load(database, [{ type: 'video', id: 'film', ...change }]);
        expect(await rejectionOf(line)).toMatchObject({
          message: expect.stringMatching(/^line 1: \w+: the video has several licences; give /),
        });
        expect(await readEntry(database, 'video', 'film')).toMatchObject({
          title: null,
          licences: SEVERAL,
        });
      },
    );

    it('has one licence once the whole short form is given', async () => {
      await putVideo('film', { licences: SEVERAL });
      const short = { availableFrom: 1, availableUntil: null, regions: null };
      expect(await putVideo('film', short)).toEqual({ title: null, status: 'available', ...short });
    });

    it.each([
      ['by the name of its columns', "UPDATE videos SET regions = 'TH' WHERE id = 'film'"],
      ['to what it was', "UPDATE videos SET available_from = available_from WHERE id = 'film'"],
      ['by release 0.2.0', UPSERT_0_2_0],
    ])('has one licence once another program writes it: %s', async (_, sql) => {
      await putVideo('film', { licences: SEVERAL });
      await database.transaction(({ query }) => query(sql));
      const [row] = await database.query('SELECT * FROM video_licences');
      expect(row).toBeUndefined();
      expect(await readEntry(database, 'video', 'film')).not.toHaveProperty('licences');
    });

    it('keeps licences when another program writes title or status alone', async () => {
      await putVideo('film', { licences: SEVERAL });
      const sql = "UPDATE videos SET title = 'x', status = 'withdrawn'";
      await database.transaction(({ query }) => query(sql));
      expect(await readEntry(database, 'video', 'film')).toMatchObject({ licences: SEVERAL });
    });

    it('leaves no licence of a deleted film to a new one', async () => {
      await putVideo('film', { licences: SEVERAL });
      await store.delete(ADMIN, 'video', 'film');
      expect(await putVideo('film', { regions: ['SG'] })).toMatchObject({ regions: ['SG'] });
    });

    it('creates nothing where it is told to change only what is there', async () => {
      expect(await store.put(ADMIN, 'video', 'film', {}, { create: false })).toBeUndefined();
      expect(await readEntry(database, 'video', 'film')).toBeUndefined();
      expect(changes).toEqual([]);
    });

    it('replaces the lists of a room that are given and leaves those that are not', async () => {
      await load(database, [
        ...['alice', 'bob'].map((id) => ({ type: 'user', id })),
        ...['a', 'b', 'c'].map((id) => ({ type: 'video', id })),
      ]);
      await putRoom('room', { status: 'open', videoIds: ['b', 'a', 'b'], memberIds: ['alice'] });
      expect(await readRoom()).toEqual({
        status: 'open',
        videoIds: ['a', 'b'],
        memberIds: ['alice'],
      });
      await putRoom('room', { status: 'closed' });
      expect(await readRoom()).toMatchObject({ status: 'closed', videoIds: ['a', 'b'] });
      await putRoom('room', { status: 'open', videoIds: ['c'] });
      expect(await readRoom()).toMatchObject({ videoIds: ['c'], memberIds: ['alice'] });
      await putRoom('room', { status: 'open', memberIds: [] });
      expect(await readRoom()).toMatchObject({ videoIds: ['c'], memberIds: [] });
    });

    it.each([
      ['a video', { videoIds: ['nothing'] }, 'there is no video nothing'],
      ['a user', { memberIds: ['nobody'] }, 'there is no user nobody'],
    ])(
      'refuses a room with %s that is not there, and keeps nothing, also after the next change',
      async (_name, lists, message) => {
        const putting = putRoom('room', { status: 'open', ...lists });
        expect(await rejectionOf(putting)).toMatchObject({
          name: 'ConflictError',
          message,
        });
        expect(await readRoom()).toBeUndefined();
        // What a refused transaction has written must not be kept by the next one.
        await load(database, [{ type: 'user', id: 'later' }]);
        expect(await readRoom()).toBeUndefined();
      },
    );

    it('keeps who may publish, and hosts as long as they are members', async () => {
      await putUser('alice', {});
      await putUser('bob', {});
      const memberIds = ['alice', 'bob'];
      await putRoom('room', { memberIds, publish: 'hosts', hostIds: ['bob'] });
      const stored = {
        status: 'open',
        videoIds: [],
        memberIds,
        publish: 'hosts',
        hostIds: ['bob'],
      };
      expect(await readRoom()).toEqual(stored);
      await putRoom('room', { status: 'open' });
      expect(await readRoom()).toEqual(stored);
      await putRoom('room', { memberIds: ['alice'] });
      const { hostIds: _hostIds, ...without } = stored;
      expect(await readRoom()).toEqual({ ...without, memberIds: ['alice'] });
      await putRoom('room', { publish: 'members' });
      expect(await readRoom()).toEqual({ status: 'open', videoIds: [], memberIds: ['alice'] });
    });

    it('gives what is made again nothing of what was deleted', async () => {
      const room = { memberIds: ['alice'], videoIds: ['film'], hostIds: ['alice'] };
      await putUser('alice', {});
      await putVideo('film', { licences: [{ until: 1 }, { until: 2 }] });
      await putRoom('room', room);
      await store.deleteMember(ADMIN, 'room', 'alice');
      await store.putMember(ADMIN, 'room', 'alice', false);
      expect((await readRoom())?.hostIds ?? []).toEqual([]);
      await putRoom('room', room);
      await store.delete(ADMIN, 'user', 'alice');
      await store.delete(ADMIN, 'video', 'film');
      await putUser('alice', {});
      expect(await putVideo('film', {})).toEqual(VIDEO);
      expect(await readRoom()).toEqual({ status: 'open', memberIds: [], videoIds: [] });
      await putRoom('room', room);
      await store.delete(ADMIN, 'room', 'room');
      expect(await putRoom('room', {})).toEqual({ status: 'open', memberIds: [], videoIds: [] });
    });

    it.each([3, 450])('refuses a host who is no member, of %i members', async (count) => {
      const memberIds = Array.from({ length: count }, (_, index) => `member_${1000 + index}`);
      await load(database, [
        ...memberIds.map((id) => ({ type: 'user', id })),
        { type: 'user', id: 'stranger' },
        { type: 'room', id: 'room', memberIds, hostIds: memberIds },
      ]);
      const hostIds = [...memberIds, 'stranger'];
      for (const change of [{ hostIds }, { memberIds, hostIds }]) {
        const error = await rejectionOf(putRoom('room', change));
        expect(error).toMatchObject({ message: 'stranger is not a member of the room' });
      }
      expect(await readRoom()).toEqual({
        status: 'open',
        videoIds: [],
        memberIds,
        hostIds: memberIds,
      });
      await database.transaction(async ({ query }) => {
        await query(`DELETE FROM room_members WHERE user_id = 'member_1000'`);
      });
      expect((await readRoom())?.hostIds ?? []).not.toContain('member_1000');
    });

    it('makes a user a member, once, and creates the user where unknown', async () => {
      await load(database, [
        { type: 'room', id: 'room' },
        { type: 'user', id: 'sam', status: 'suspended' },
      ]);
      for (const id of ['new', 'sam', 'new']) {
        expect(await store.putMember(ADMIN, 'room', id, true)).toBeUndefined();
      }
      expect(await readRoom()).toMatchObject({ memberIds: ['new', 'sam'] });
      expect(await readUser('new')).toEqual({ status: 'active' });
      expect(await readUser('sam')).toEqual({ status: 'suspended' });
    });

    it('creates no user for a room that is not there', async () => {
      expect(await store.putMember(ADMIN, 'no', 'new', true)).toBe('room');
      expect(await readUser('new')).toBeUndefined();
    });

    it('makes nobody a member who is not there, unless told to', async () => {
      await load(database, [{ type: 'room', id: 'room' }]);
      expect(await store.putMember(ADMIN, 'room', 'ghost', false)).toBe('user');
      expect(await readUser('ghost')).toBeUndefined();
      expect(await readRoom()).toMatchObject({ memberIds: [] });
      expect(changes).toEqual([]);
    });

    it('deletes a membership and says whether there was one', async () => {
      await load(database, [{ type: 'room', id: 'room' }]);
      await store.putMember(ADMIN, 'room', 'alice', true);
      const remove = () => store.deleteMember(ADMIN, 'room', 'alice');
      expect([await remove(), await remove()]).toEqual([true, false]);
      expect(await readUser('alice')).toBeDefined();
    });

    it('deletes an entry with its memberships and says whether there was one', async () => {
      await load(database, [
        { type: 'user', id: 'x' },
        { type: 'video', id: 'x' },
        { type: 'room', id: 'x', videoIds: ['x'], memberIds: ['x'], hostIds: ['x'] },
        { type: 'room', id: 'room', videoIds: ['x'], memberIds: ['x'] },
      ]);
      for (const type of ['user', 'video', 'room'] as const) {
        const remove = () => store.delete(ADMIN, type, 'x');
        expect([await remove(), await remove()]).toEqual([true, false]);
      }
      expect(await readRoom()).toEqual({ status: 'open', videoIds: [], memberIds: [] });
      await load(database, [{ type: 'user', id: 'x' }]);
      expect(await readRoom()).toMatchObject({ memberIds: [] });
    });

    it('reports each change that was kept, with who made it', async () => {
      await putUser('alice', { status: 'active' });
      await putVideo('film', { ...VIDEO, title: 'A film' });
      await putRoom('room', { status: 'open', videoIds: ['film'] });
      await store.putMember(OPS, 'room', 'alice', false);
      await store.deleteMember(ADMIN, 'room', 'alice');
      await store.delete(ADMIN, 'video', 'film');
      const put = { ...ADMIN, operation: 'put' };
      const member = { kind: 'member', roomId: 'room', id: 'alice' };
      expect(changes).toStrictEqual([
        { ...put, kind: 'user', id: 'alice' },
        { ...put, kind: 'video', id: 'film' },
        { ...put, kind: 'room', id: 'room' },
        { ...put, ...OPS, ...member },
        { ...ADMIN, operation: 'delete', ...member },
        { ...ADMIN, operation: 'delete', kind: 'video', id: 'film' },
      ]);
    });

    it('reports no change that was refused or that changed nothing', async () => {
      await rejectionOf(putRoom('room', { status: 'open', videoIds: ['none'] }));
      await store.putMember(ADMIN, 'none', 'alice', true);
      await store.deleteMember(ADMIN, 'none', 'alice');
      await store.delete(ADMIN, 'user', 'alice');
      expect(changes).toEqual([]);
    });

    it('has in every table the columns that entries are made of, and no other', async () => {
      await load(database, [
        { type: 'user', id: 'x' },
        { type: 'video', id: 'x' },
        { type: 'room', id: 'x', videoIds: ['x'], memberIds: ['x'], hostIds: ['x'] },
      ]);
      const columnsOf = async (table: string) => {
        const [row] = await database.query(`SELECT * FROM ${table}`);
        return Object.keys(row ?? {}).sort();
      };
      for (const { name, columns } of Object.values(TABLES)) {
        const names = Object.values(columns).flatMap((column) =>
          'isSearched' in column ? [column.name, SEARCH] : [column.name],
        );
        expect(await columnsOf(name)).toEqual(['id', ...names].sort());
      }
      for (const { table, column } of Object.values(LINKS)) {
        expect(await columnsOf(table)).toEqual(['room_id', column].sort());
      }
    });

    it('takes SQL for the name that it is', async () => {
      await load(database, [
        { type: 'user', id: SQL },
        { type: 'video', id: SQL, title: SQL },
        { type: 'room', id: SQL, videoIds: [SQL], memberIds: [SQL] },
      ]);
      expect(await readRoom(SQL)).toMatchObject({ videoIds: [SQL] });
      expect(await readEntry(database, 'video', SQL)).toMatchObject({ title: SQL });
    });

    it('writes nothing more of a change that was refused, not into the next change either', async () => {
      const memberIds = Array.from({ length: 1_000 }, (_, i) => `member ${i}`);
      await load(database, [
        ...memberIds.map((id) => ({ type: 'user', id })),
        { type: 'room', id: 'vip' },
      ]);
      const room = { status: 'open', memberIds } as const;
      const refused = putRoom('vip', { ...room, videoIds: ['none'] });
      const next = putRoom('other', room);
      expect(await rejectionOf(refused)).toMatchObject({ message: 'there is no video none' });
      await next;
      expect(await readRoom('vip')).toMatchObject({ memberIds: [] });
      expect((await readRoom('other'))?.memberIds).toHaveLength(1_000);
    });

    it('lets nothing be sent to a change that has ended', async () => {
      let late: Session | undefined;
      await database.transaction(async (session) => {
        late = session;
      });
      await database.transaction(async ({ query }) => {
        await query("INSERT INTO users (id) VALUES ('alice')");
        await expect(late?.query('DELETE FROM users')).rejects.toThrow();
      });
      expect(await readUser('alice')).toBeDefined();
    });

    it('exports what it has, users and videos before the rooms that name them', async () => {
      const entries = [
        { type: 'user', id: 'alice', status: 'active' },
        { type: 'video', id: 'film', ...VIDEO },
        { type: 'room', id: 'room', status: 'open', videoIds: ['film'], memberIds: ['alice'] },
      ];
      await load(database, entries);
      const lines = await Array.fromAsync(exportDirectory(database));
      expect(lines.every((line) => line.endsWith('\n'))).toBe(true);
      expect(lines.map((line) => JSON.parse(line))).toEqual(entries);
    });

    it('exports one moment: what is written meanwhile is in none of its lines', async () => {
      await load(database, [
        { type: 'user', id: 'alice' },
        { type: 'room', id: 'room', memberIds: ['alice'] },
      ]);
      const lines = exportDirectory(database);
      const first = await lines.next();
      await store.putMember(ADMIN, 'room', 'late', true);
      const others = await Array.fromAsync(lines);
      expect(first.value).toContain('alice');
      expect(others.map((line) => JSON.parse(line))).toMatchObject([{ memberIds: ['alice'] }]);
    });

    it('exports more than a page, each entry once', async () => {
      const ids = Array.from({ length: 2_001 }, (_, i) => `user ${i}`);
      await load(
        database,
        ids.map((id) => ({ type: 'user', id })),
      );
      const lines = await Array.fromAsync(exportDirectory(database));
      expect(lines.map((line) => JSON.parse(line).id).sort()).toEqual(ids.sort());
    });

    describe('its changes', () => {
      const forgetAll = () => store.forgetBefore(Number.MAX_SAFE_INTEGER);
      beforeEach(forgetAll);
      const entries = async (filter: Partial<ChangeFilter> = {}) =>
        (await readChanges(database, { limit: 1_000, ...filter })).changes.reverse();
      const bySql = (...statements: string[]) =>
        database.transaction(async ({ query }) => {
          for (const statement of statements) await query(statement);
        });
      const OPEN = { title: null, status: 'available', ...UNLIMITED };

      it('have who, what, before and after', async () => {
        await putVideo('film', { title: 'A film' });
        await putVideo('film', { status: 'withdrawn', regions: ['SG', 'MY'] });
        await store.delete(OPS, 'video', 'film');
        const first = { ...OPEN, title: 'A film' };
        const second = { ...first, status: 'withdrawn', regions: ['SG', 'MY'] };
        const common = { at: expect.stringMatching(/^20.*Z$/), type: 'video', id: 'film' };
        expect(await entries()).toEqual([
          { ...common, ...ADMIN, before: null, after: first },
          { ...common, ...ADMIN, before: first, after: second },
          { ...common, ...OPS, before: second, after: null },
        ]);
      });

      it('have no entry for a row that stays equal', async () => {
        const licences = [{ regions: ['SG'] }, { regions: ['MY'] }];
        const room = { videoIds: ['film'], memberIds: ['alice'] };
        const put = async () => {
          await putUser('alice', { status: 'active' });
          await putVideo('film', { title: 'A film', licences });
          await putRoom('room', room);
          await load(database, [
            { type: 'video', id: 'film', licences },
            { type: 'room', id: 'room', ...room },
          ]);
        };
        await put();
        const types = (await entries()).map(({ type }) => type).sort();
        expect(types).toEqual(['licence', 'member', 'room', 'room_video', 'user', 'video']);
        await forgetAll();
        await put();
        expect(await entries()).toEqual([]);
      });

      it.each([2, 450])('compare the lists of a room, of %s members', async (count) => {
        const ids = Array.from({ length: count + 1 }, (_, n) => `user ${n}`);
        await load(
          database,
          ids.map((id) => ({ type: 'user', id })),
        );
        await putRoom('room', { memberIds: ids.slice(0, count) });
        await forgetAll();
        await putRoom('room', { memberIds: ids.slice(1) });
        const found = await entries();
        expect(found.map(({ id, after }) => [id, after]).sort()).toEqual(
          [
            ['user 0', null],
            [`user ${count}`, {}],
          ].sort(),
        );
        expect((await readRoom())?.memberIds.toSorted()).toEqual(ids.slice(1).sort());
      });

      it('compare licences by their position', async () => {
        await putVideo('film', { licences: [{ from: 1 }, { from: 2 }, { from: 3 }] });
        await forgetAll();
        await putVideo('film', { licences: [{ from: 9 }, { from: 2 }] });
        expect(await entries()).toMatchObject([
          { type: 'video', before: { availableFrom: 1 }, after: { availableFrom: 9 } },
          { type: 'licence', before: { position: 2, from: 3 }, after: null },
        ]);
        expect(await readEntry(database, 'video', 'film')).toMatchObject({
          licences: [{ from: 9 }, { from: 2 }],
        });
      });

      it('have no actor for what goes with a deleted entry, and the request', async () => {
        await load(database, [
          { type: 'user', id: 'alice' },
          { type: 'room', id: 'room', memberIds: ['alice'] },
        ]);
        await forgetAll();
        await store.delete(ADMIN, 'user', 'alice');
        const { requestId } = ADMIN;
        const found = await entries();
        expect(found).toHaveLength(2);
        expect(found).toEqual(
          expect.arrayContaining([
            expect.objectContaining({ type: 'user', ...ADMIN, after: null }),
            expect.objectContaining({ type: 'member', actor: null, requestId, after: null }),
          ]),
        );
      });

      it('have no actor for another program, also after a change of ours', async () => {
        await putUser('alice', {});
        await rejectionOf(putRoom('room', { memberIds: ['nobody'] }));
        await bySql(UPSERT_0_2_0, "UPDATE users SET status = 'suspended'");
        const found = (await entries()).map(({ type, actor }) => [type, actor]);
        expect(found).toEqual([
          ['user', 'admin'],
          ['video', null],
          ['user', null],
        ]);
      });

      it('have nothing of a transaction that is rolled back', async () => {
        await rejectionOf(putRoom('room', { memberIds: ['nobody'] }));
        await rejectionOf(load(database, [{ type: 'user', id: 'a' }, { type: 'user' }]));
        expect(await entries()).toEqual([]);
      });

      it('know a new id as a deletion and an insertion', async () => {
        await putUser('alice', {});
        await forgetAll();
        await bySql("UPDATE users SET id = 'bob'");
        const found = (await entries()).map(({ id, before, after }) => [id, before, after]);
        expect(found).toEqual([
          ['alice', { status: 'active' }, null],
          ['bob', null, { status: 'active' }],
        ]);
      });

      it('date an import by its end, all by the same', async () => {
        async function* lines() {
          yield Buffer.from('{"type":"user","id":"alice"}\n');
          await delay(30);
          const others = Array.from(
            { length: 900 },
            (_, n) => `{"type":"user","id":"user-${n}"}\n`,
          );
          yield Buffer.from(others.join(''));
        }
        await importDirectory(store, lines(), { author: OPS });
        const times = (await entries()).map(({ at }) => at);
        expect(times).toHaveLength(901);
        expect(new Set(times).size).toBe(1);
      });

      it('are read in pages, by type, id and actor', async () => {
        await load(database, [
          { type: 'user', id: 'alice' },
          { type: 'room', id: 'room', memberIds: ['alice'] },
        ]);
        await store.put(OPS, 'user', 'alice', { status: 'suspended' });
        const found: string[] = [];
        let after: string | undefined;
        do {
          const page = await readChanges(database, { limit: 3, after });
          found.push(...page.changes.map(({ type }) => type));
          after = page.next ?? undefined;
        } while (after !== undefined);
        expect(found).toEqual(['user', 'member', 'room', 'user']);
        const types = async (filter: Partial<ChangeFilter>) =>
          (await entries(filter)).map(({ type }) => type);
        expect(await types({ id: 'alice' })).toEqual(['user', 'member', 'user']);
        expect(await types({ id: 'room' })).toEqual(['room', 'member']);
        expect(await types({ type: 'user' })).toEqual(['user', 'user']);
        expect(await types({ actor: 'cli:ops' })).toEqual(['user']);
        expect(await types({ id: 'alice', type: 'user', actor: 'cli:ops' })).toEqual(['user']);
        expect(await types({ id: 'none' })).toEqual([]);
      });

      it('of a deleted user are forgotten, and of others not', async () => {
        await putUser('alice', {});
        await putUser('bob', {});
        await putRoom('room', { memberIds: ['alice', 'bob'], hostIds: ['alice'] });
        await store.recordToken(OPS, {
          userId: 'alice',
          roomId: 'room',
          videoId: 'v',
          expireAt: 1,
        });
        expect(await store.forgetUser('alice')).toBeUndefined();
        await store.delete(ADMIN, 'user', 'alice');
        expect(await store.forgetUser('alice')).toBe(7);
        expect(JSON.stringify(await entries())).not.toContain('alice');
        expect(await entries()).toHaveLength(3);
      });

      it('are forgotten after their time, and later ones are kept', async () => {
        for (let n = 0; n < 1_100; n++) await putUser(`user ${n}`, {});
        const { changes } = await readChanges(database, { limit: 50 });
        const time = Date.parse(changes.at(-1)?.at ?? '');
        await store.forgetBefore(time);
        const kept = await entries();
        expect(kept.length).toBeGreaterThanOrEqual(50);
        expect(kept.every(({ at }) => Date.parse(at) >= time)).toBe(true);
      });
    });
  });
}
