import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/directory/database.ts';
import { exportDirectory } from '../../src/directory/export.ts';
import {
  deleteEntry,
  deleteMember,
  getRoom,
  getUser,
  getVideo,
  putMember,
  putRoom,
  putUser,
  putVideo,
} from '../../src/directory/store.ts';
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

/** What the directory does over every database; `open` gives one with its schema. */
export function describeDirectory(name: string, open: () => Promise<Database>): void {
  describe(`the directory over ${name}`, () => {
    let database: Database;
    beforeAll(async () => {
      database = await open();
    });
    afterAll(() => database.close());
    beforeEach(() =>
      database.transaction(async ({ query }) => {
        for (const table of ['rooms', 'users', 'videos']) await query(`DELETE FROM ${table}`);
      }),
    );

    const write = <T>(work: Parameters<typeof database.transaction<T>>[0]) =>
      database.transaction(work);
    const readRoom = () => getRoom(database, 'room');

    it('keeps a user as it was put last', async () => {
      expect(await getUser(database, 'alice')).toBeUndefined();
      for (const status of ['active', 'suspended', 'suspended', 'active'] as const) {
        await write((session) => putUser(session, 'alice', { status }));
        expect(await getUser(database, 'alice')).toEqual({ status });
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
      await write((session) => putVideo(session, 'film', { ...VIDEO, title: 'before' }));
      await write((session) => putVideo(session, 'film', video));
      expect(await getVideo(database, 'film')).toEqual(video);
    });

    it('replaces the lists of a room that are given and leaves those that are not', async () => {
      await load(database, [
        ...['alice', 'bob'].map((id) => ({ type: 'user', id })),
        ...['a', 'b', 'c'].map((id) => ({ type: 'video', id })),
      ]);
      await write((query) =>
        putRoom(query, 'room', { status: 'open', videoIds: ['b', 'a', 'b'], memberIds: ['alice'] }),
      );
      expect(await readRoom()).toEqual({
        status: 'open',
        videoIds: ['a', 'b'],
        memberIds: ['alice'],
      });
      await write((session) => putRoom(session, 'room', { status: 'closed' }));
      expect(await readRoom()).toMatchObject({ status: 'closed', videoIds: ['a', 'b'] });
      await write((session) => putRoom(session, 'room', { status: 'open', videoIds: ['c'] }));
      expect(await readRoom()).toMatchObject({ videoIds: ['c'], memberIds: ['alice'] });
      await write((session) => putRoom(session, 'room', { status: 'open', memberIds: [] }));
      expect(await readRoom()).toMatchObject({ videoIds: ['c'], memberIds: [] });
    });

    it.each([
      ['a video', { videoIds: ['nothing'] }, 'there is no video nothing'],
      ['a user', { memberIds: ['nobody'] }, 'there is no user nobody'],
    ])(
      'refuses a room with %s that is not there, and keeps nothing, also after the next change',
      async (_name, lists, message) => {
        const putting = write((session) => putRoom(session, 'room', { status: 'open', ...lists }));
        expect(await rejectionOf(putting)).toMatchObject({
          name: 'UnknownReferenceError',
          message,
        });
        expect(await readRoom()).toBeUndefined();
        // What a refused transaction has written must not be kept by the next one.
        await load(database, [{ type: 'user', id: 'later' }]);
        expect(await readRoom()).toBeUndefined();
      },
    );

    it('makes a user a member, once, and creates the user where unknown', async () => {
      await load(database, [
        { type: 'room', id: 'room' },
        { type: 'user', id: 'sam', status: 'suspended' },
      ]);
      for (const id of ['new', 'sam', 'new']) {
        expect(await write((session) => putMember(session, 'room', id))).toBe(true);
      }
      expect(await readRoom()).toMatchObject({ memberIds: ['new', 'sam'] });
      expect(await getUser(database, 'new')).toEqual({ status: 'active' });
      expect(await getUser(database, 'sam')).toEqual({ status: 'suspended' });
    });

    it('creates no user for a room that is not there', async () => {
      expect(await write((session) => putMember(session, 'no', 'new'))).toBe(false);
      expect(await getUser(database, 'new')).toBeUndefined();
    });

    it('deletes a membership and says whether there was one', async () => {
      await load(database, [{ type: 'room', id: 'room' }]);
      await write((session) => putMember(session, 'room', 'alice'));
      const remove = () => write((session) => deleteMember(session, 'room', 'alice'));
      expect([await remove(), await remove()]).toEqual([true, false]);
      expect(await getUser(database, 'alice')).toBeDefined();
    });

    it('deletes an entry with its memberships and says whether there was one', async () => {
      await load(database, [
        { type: 'user', id: 'x' },
        { type: 'video', id: 'x' },
        { type: 'room', id: 'x', videoIds: ['x'], memberIds: ['x'] },
        { type: 'room', id: 'room', videoIds: ['x'], memberIds: ['x'] },
      ]);
      for (const kind of ['users', 'videos', 'rooms'] as const) {
        const remove = () => write((session) => deleteEntry(session, kind, 'x'));
        expect([await remove(), await remove()]).toEqual([true, false]);
      }
      expect(await readRoom()).toEqual({ status: 'open', videoIds: [], memberIds: [] });
      await load(database, [{ type: 'user', id: 'x' }]);
      expect(await readRoom()).toMatchObject({ memberIds: [] });
    });

    it('takes SQL for the name that it is', async () => {
      await load(database, [
        { type: 'user', id: SQL },
        { type: 'video', id: SQL, title: SQL },
        { type: 'room', id: SQL, videoIds: [SQL], memberIds: [SQL] },
      ]);
      expect(await getRoom(database, SQL)).toMatchObject({ videoIds: [SQL] });
      expect(await getVideo(database, SQL)).toMatchObject({ title: SQL });
    });

    it('writes nothing more of a change that was refused, not into the next change either', async () => {
      const memberIds = Array.from({ length: 1_000 }, (_, i) => `member ${i}`);
      await load(database, [
        ...memberIds.map((id) => ({ type: 'user', id })),
        { type: 'room', id: 'vip' },
      ]);
      const room = { status: 'open', memberIds } as const;
      const refused = write((session) => putRoom(session, 'vip', { ...room, videoIds: ['none'] }));
      const next = write((session) => putRoom(session, 'other', room));
      expect(await rejectionOf(refused)).toMatchObject({ message: 'there is no video none' });
      await next;
      expect(await getRoom(database, 'vip')).toMatchObject({ memberIds: [] });
      expect((await getRoom(database, 'other'))?.memberIds).toHaveLength(1_000);
    });

    it('lets nothing be sent to a change that has ended', async () => {
      let late: Parameters<Parameters<typeof write>[0]>[0] | undefined;
      await write(async (session) => {
        late = session;
      });
      await write(async (session) => {
        await putUser(session, 'alice', { status: 'active' });
        await expect(late?.query('DELETE FROM users')).rejects.toThrow();
      });
      expect(await getUser(database, 'alice')).toBeDefined();
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
      await write((session) => putMember(session, 'room', 'late'));
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
  });
}
