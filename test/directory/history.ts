import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AccessFacts } from '../../src/access/access.ts';
import { readChanges, readPastFacts } from '../../src/directory/changes.ts';
import type { Database, Session } from '../../src/directory/database.ts';
import { createStore } from '../../src/directory/store.ts';
import { load } from '../support/directory.ts';

const IDS = ['a', 'b'];
const AUTHOR = { actor: 'content', requestId: 'request' };
const TABLES = {
  user: ['users', 'id', 'status'],
  room: ['rooms', 'id', 'status, publish'],
  video: ['videos', 'id', 'title, status, available_from, available_until, regions'],
  member: ['room_members', 'user_id, room_id', ''],
  host: ['room_hosts', 'user_id, room_id', ''],
  room_video: ['room_videos', 'video_id, room_id', ''],
  licence: ['video_licences', 'video_id, position', 'available_from, available_until, regions'],
} as const;

const id = fc.constantFrom(...IDS);
const subset = fc.subarray(IDS);
const licences = fc.array(fc.record({ from: fc.integer({ min: 0, max: 3 }) }), { maxLength: 3 });
export const operation = fc.oneof(
  fc.record({
    do: fc.constant('user' as const),
    id,
    status: fc.constantFrom('active', 'suspended'),
  }),
  fc.record({ do: fc.constant('video' as const), id, licences }),
  fc.record({ do: fc.constant('title' as const), id, title: fc.constantFrom('x', 'y', null) }),
  fc.record({
    ...{ do: fc.constant('room' as const), id, videoIds: subset, memberIds: subset },
    ...{ hostIds: subset, publish: fc.constantFrom('members', 'hosts', 'nobody') },
  }),
  fc.record({ do: fc.constant('member' as const), id, userId: id, remove: fc.boolean() }),
  fc.record({
    do: fc.constant('delete' as const),
    id,
    type: fc.constantFrom('user', 'video', 'room'),
  }),
  fc.record({ do: fc.constant('import' as const), id, videoIds: subset, isBroken: fc.boolean() }),
  fc.record({
    do: fc.constant('sql' as const),
    id,
    n: fc.integer({ min: 0, max: 7 }),
    isAborted: fc.boolean(),
  }),
);
export type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** What another program may write. */
export const statements = (one: string) => [
  [`UPDATE users SET status = 'suspended' WHERE id = '${one}'`],
  [`DELETE FROM videos WHERE id = '${one}'`],
  [
    `INSERT INTO videos (id, available_from) VALUES ('${one}', 2) ON CONFLICT (id) DO UPDATE SET title = NULL, available_from = 2`,
  ],
  [
    `DELETE FROM room_members WHERE room_id = '${one}'`,
    `INSERT INTO room_members SELECT '${one}', id FROM users WHERE EXISTS (SELECT 1 FROM rooms WHERE id = '${one}')`,
  ],
  [`INSERT INTO users (id) VALUES ('${one}') ON CONFLICT (id) DO NOTHING`],
  [
    'DELETE FROM room_hosts',
    `INSERT INTO room_hosts SELECT room_id, user_id FROM room_members WHERE room_id = '${one}'`,
  ],
  [`UPDATE rooms SET publish = 'hosts' WHERE id = '${one}'`],
  [
    "INSERT INTO users (id) VALUES ('renamed') ON CONFLICT DO NOTHING",
    "UPDATE users SET id = 'renamed again' WHERE id = 'renamed' AND NOT EXISTS (SELECT 1 FROM users WHERE id = 'renamed again')",
  ],
];

/** Random operations, and failures among them, after which the changes and the directory must say the same. */
export function describeHistory(
  name: string,
  open: () => Promise<Database>,
  operations: number,
): void {
  it(`keeps a history over ${name} that equals what was there, with nothing more or less`, {
    timeout: 600_000,
  }, async () => {
    const database = await open();
    const store = createStore(database);
    await followHistory(database, fc.sample(operation, operations), 100, (one) =>
      apply(database, store, one).catch(() => {}),
    );
    expect((await readChanges(database, { limit: 10 })).changes).toHaveLength(10);
    await database.close();
  });
}

type Entry = Record<string, unknown>;

/**
 * Applies each operation, and expects that the new entries lead from the rows before to the rows after; at the end,
 * that the facts of past moments are what was read then.
 */
export async function followHistory<T>(
  database: Database,
  operations: readonly T[],
  moments: number,
  apply: (one: T) => Promise<unknown>,
  check: (one: T, entries: readonly Entry[]) => void = () => {},
): Promise<void> {
  const past: { at: number; facts: Map<string, unknown> }[] = [];
  const replayed: Map<string, string> = new Map();
  let last = 0;
  for (const [index, one] of operations.entries()) {
    await apply(one);
    // One moment: what another program has begun may end between two statements.
    const view = await database.snapshot();
    const entries = await view.query(`SELECT * FROM changes WHERE id > ${last} ORDER BY id`);
    const state = await stateOf(view);
    await view.close();
    last = Number(entries.at(-1)?.id ?? last);
    for (const entry of entries) {
      const key = keyOf(entry);
      expect(compact(entry.before)).toEqual(replayed.get(key));
      expect(entry.before).not.toEqual(entry.after);
      if (entry.after === null) replayed.delete(key);
      else replayed.set(key, compact(entry.after) as string);
    }
    expect(replayed, JSON.stringify(one)).toEqual(state);
    check(one, entries);
    if (index % Math.ceil(operations.length / moments) === 0 && last > 0) {
      await delay(2);
      past.push({ at: await clockOf(database), facts: await factsOf(database) });
      await delay(2);
    }
  }
  for (const { at, facts } of past) expect(await factsOf(database, at)).toEqual(facts);
}

/** PostgreSQL writes JSON with spaces. */
function compact(json: unknown): string | undefined {
  return json === null ? undefined : JSON.stringify(JSON.parse(json as string));
}

function keyOf({ type, entry_id, room_id, before, after }: Entry): string {
  const { position = '' } = JSON.parse((before ?? after) as string);
  return [type, entry_id, room_id ?? '', position].join(' ');
}

/** Each row of the directory, as its entry has it. */
async function stateOf({ query }: Session): Promise<Map<string, string>> {
  const state = new Map<string, string>();
  for (const [type, [table, keys, columns]] of Object.entries(TABLES)) {
    const names = columns === '' ? [] : columns.split(', ');
    for (const row of await query(`SELECT * FROM ${table}`)) {
      const [first = '', second] = keys.split(', ');
      const shown = type === 'licence' ? ['position', ...names] : names;
      const isBig = (column: string) => column.startsWith('available_') && row[column] !== null;
      const fields = shown.map((column) => [
        column,
        isBig(column) ? Number(row[column]) : row[column],
      ]);
      const position = type === 'licence' ? row.position : '';
      const room = second === 'room_id' ? row.room_id : '';
      const json = JSON.stringify(Object.fromEntries(fields));
      state.set([type, row[first], room, position].join(' '), json);
    }
  }
  return state;
}

async function clockOf({ query, clock }: Session): Promise<number> {
  const [row] = await query(`SELECT ${clock} AS now`);
  return Number(row?.now);
}

/** Of every user, room and video; a moment of now reads the present rows alone. */
async function factsOf(database: Session, at?: number): Promise<Map<string, AccessFacts>> {
  const found = new Map<string, AccessFacts>();
  const moment = at ?? (await clockOf(database));
  for (const userId of IDS)
    for (const roomId of IDS)
      for (const videoId of IDS) {
        const ids = { userId, roomId, videoId };
        found.set(Object.values(ids).join(' '), await readPastFacts(database, ids, moment));
      }
  return found;
}

async function apply(database: Database, store: ReturnType<typeof createStore>, one: Operation) {
  switch (one.do) {
    case 'user':
      return store.put(AUTHOR, 'user', one.id, { status: one.status as 'active' });
    case 'video':
      return store.put(AUTHOR, 'video', one.id, { licences: one.licences });
    case 'title':
      return store.put(AUTHOR, 'video', one.id, { title: one.title });
    case 'room':
      return store.put(AUTHOR, 'room', one.id, {
        ...{ videoIds: one.videoIds, memberIds: one.memberIds, hostIds: one.hostIds },
        publish: one.publish as 'members',
      });
    case 'member':
      return one.remove
        ? store.deleteMember(AUTHOR, one.id, one.userId)
        : store.putMember(AUTHOR, one.id, one.userId, true);
    case 'delete':
      return store.delete(AUTHOR, one.type as 'user', one.id);
    case 'import':
      return load(database, [
        { type: 'user', id: one.id },
        { type: 'room', id: one.id, memberIds: [one.id], videoIds: one.videoIds },
        one.isBroken ? { type: 'user' } : { type: 'video', id: one.id, title: 'imported' },
      ]);
    case 'sql':
      return database.transaction(async ({ query }) => {
        for (const statement of statements(one.id)[one.n] ?? []) await query(statement);
        if (one.isAborted) throw new Error('aborted');
      });
  }
}
