import { setImmediate } from 'node:timers/promises';
import { namesOf, toRow } from './columns.ts';
import { type Database, type Query, type Session, untilAborted } from './database.ts';
import { type EntryType, LINKS, type Room, TABLES, type Values } from './entries.ts';
import { readEntry } from './read.ts';

/** Who changes the directory: `admin`, who has ADMIN_API_KEY, or a user of the command line. */
export type Actor = 'admin' | `cli:${string}`;

/** How many entries of each type an import had. */
export type ImportCounts = Record<EntryType, number>;

/** A change that was kept: who made it, and the ids that it is about. */
export type Change = { actor: Actor } & (
  | { operation: 'put' | 'delete'; kind: EntryType; id: string }
  | { operation: 'put' | 'delete'; kind: 'member'; id: string; roomId: string }
  | { operation: 'import'; counts: ImportCounts; replace: boolean }
);

/** What a change does, for {@link Change} to say with its actor. */
type Done = Change extends infer Each ? (Each extends Change ? Omit<Each, 'actor'> : never) : never;

/** A room names a video or a user that is not there. */
export class UnknownReferenceError extends Error {
  override readonly name = 'UnknownReferenceError';
}

/** The statements of an import, of which nothing is kept before it has ended. */
export type Writer = {
  /**
   * Sends the first {@link LIST_ROWS} of each list of a room before it waits for anything.
   *
   * @throws {UnknownReferenceError} when a room names what is not there; the transaction must end
   */
  put<T extends EntryType>(type: T, id: string, values: Values[T]): Promise<void>;
  /** Deletes the entries of these ids, with their memberships. */
  delete(type: EntryType, ids: readonly string[]): Promise<void>;
};

/**
 * The one door for changes: nothing else writes to the directory. Each change is one transaction.
 *
 * Each function throws {ServiceError} `dependency_unavailable` when the database does not answer or is locked.
 */
export type Store = {
  /**
   * Creates or replaces an entry. Lists of a room that are left out stay as they are.
   *
   * @returns the entry as it is kept
   * @throws {UnknownReferenceError} when a room names what is not there
   */
  put<T extends EntryType>(
    actor: Actor,
    type: T,
    id: string,
    values: Values[T],
  ): Promise<Values[T] | undefined>;
  /** Deletes an entry and its memberships. False: there was none. */
  delete(actor: Actor, type: EntryType, id: string): Promise<boolean>;
  /** Makes a user a member; the user and nothing else is created where unknown. False: no such room. */
  putMember(actor: Actor, roomId: string, userId: string): Promise<boolean>;
  /** Ends a membership. False: there was none. */
  deleteMember(actor: Actor, roomId: string, userId: string): Promise<boolean>;
  /**
   * Makes many changes, which are reported as one. What `work` throws undoes all of them.
   *
   * @param signal ends the import before its next statement, with its reason
   */
  import(
    {
      actor,
      replace,
      signal,
    }: { actor: Actor; replace: boolean; signal?: AbortSignal | undefined },
    work: (writer: Writer, session: Session) => Promise<ImportCounts>,
  ): Promise<void>;
};

/** @param onChange is called with each change, once it is kept */
export function createStore(
  database: Pick<Database, 'transaction'>,
  onChange: (change: Change) => void = () => {},
): Store {
  /** Every change goes through here: it is made and, where it was one, reported with its actor. */
  async function change<T>(
    actor: Actor,
    work: (session: Session) => Promise<{ result: T; done: Done | undefined }>,
  ): Promise<T> {
    const { result, done } = await database.transaction(work);
    if (done) onChange({ actor, ...done });
    return result;
  }
  const doneIf = (result: boolean, done: Done) => ({ result, done: result ? done : undefined });

  return {
    put: (actor, type, id, values) =>
      change(actor, async (session) => {
        await createWriter(session).put(type, id, values);
        const result = await readEntry(session, type, id);
        return { result, done: { operation: 'put', kind: type, id } };
      }),
    delete: (actor, type, id) =>
      change(actor, async (session) =>
        doneIf(await deleteEntry(session, type, id), { operation: 'delete', kind: type, id }),
      ),
    putMember: (actor, roomId, id) =>
      change(actor, async (session) =>
        doneIf(await putMember(session, roomId, id), {
          operation: 'put',
          kind: 'member',
          id,
          roomId,
        }),
      ),
    deleteMember: (actor, roomId, id) =>
      change(actor, async (session) =>
        doneIf(await deleteMember(session, roomId, id), {
          operation: 'delete',
          kind: 'member',
          id,
          roomId,
        }),
      ),
    import: ({ actor, replace, signal }, work) =>
      change(actor, async (connection) => {
        const session = untilAborted(connection, signal);
        const counts = await work(createWriter(session), session);
        return { result: undefined, done: { operation: 'import', counts, replace } };
      }),
  };
}

/** Its texts are made once for all lines of an import. */
function createWriter(session: Session): Writer {
  const { query, parameter, list } = session;
  const upserts = {
    user: upsert('user', parameter),
    video: upsert('video', parameter),
    room: upsert('room', parameter),
  };
  const links = {
    videoIds: linkStatements('videoIds', session),
    memberIds: linkStatements('memberIds', session),
  };
  return {
    async put(type, id, values) {
      const row = query(upserts[type], [id, ...toRow(TABLES[type].columns, values)]);
      const { videoIds, memberIds } = values as Partial<Room>;
      if (!videoIds && !memberIds) return void (await row);
      await all([
        row,
        videoIds && replaceLinks(query, links.videoIds, id, videoIds),
        memberIds && replaceLinks(query, links.memberIds, id, memberIds),
      ]);
    },
    async delete(type, ids) {
      const listed = `SELECT value FROM ${list(parameter(1))}`;
      const statement = `DELETE FROM ${TABLES[type].name} WHERE id IN (${listed})`;
      await query(statement, [JSON.stringify(ids)]);
    },
  };
}

/** The statement that creates or replaces a row, of its id and its columns. */
function upsert(type: EntryType, parameter: Session['parameter']): string {
  const { name, columns } = TABLES[type];
  const names = namesOf(columns);
  const inserted = ['id', ...names];
  const set = names.map((column) => `${column} = excluded.${column}`);
  return `INSERT INTO ${name} (${inserted}) VALUES (${inserted.map((_, i) => parameter(i + 1))})
     ON CONFLICT (id) DO UPDATE SET ${set}`;
}

async function putMember(session: Session, roomId: string, userId: string): Promise<boolean> {
  const { query, parameter: p } = session;
  const rooms = await query(`SELECT 1 FROM rooms WHERE id = ${p(1)}`, [roomId]);
  if (rooms.length === 0) return false;
  await query(`INSERT INTO users (id) VALUES (${p(1)}) ON CONFLICT DO NOTHING`, [userId]);
  await query(linkStatements('memberIds', session).add, [roomId, JSON.stringify([userId])]);
  return true;
}

async function deleteMember(
  { query, parameter: p }: Session,
  roomId: string,
  userId: string,
): Promise<boolean> {
  const rows = await query(
    `DELETE FROM room_members WHERE room_id = ${p(1)} AND user_id = ${p(2)} RETURNING 1`,
    [roomId, userId],
  );
  return rows.length > 0;
}

async function deleteEntry(
  { query, parameter: p }: Session,
  type: EntryType,
  id: string,
): Promise<boolean> {
  const { name } = TABLES[type];
  return (await query(`DELETE FROM ${name} WHERE id = ${p(1)} RETURNING 1`, [id])).length > 0;
}

/** Waits until nothing of it goes on, and throws what the first of it throws that fails. */
export async function all(work: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  const results = await Promise.allSettled(work);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
}

/** How many links one statement makes. Those of SQLite run at once: the requests of others get their turn between. */
export const LIST_ROWS = 200;

type LinkStatements = ReturnType<typeof linkStatements>;

function linkStatements(
  of: keyof typeof LINKS,
  { parameter: p, list }: Pick<Session, 'parameter' | 'list'>,
) {
  const { table, column, type } = LINKS[of];
  const target = TABLES[type].name;
  // A join would be planned for a hundred ids, and read the whole table for each room.
  const found = `(SELECT ${target}.id FROM ${target} WHERE ${target}.id = value)`;
  return {
    type,
    clear: `DELETE FROM ${table} WHERE room_id = ${p(1)}`,
    missing: `SELECT value FROM ${list(p(1))} WHERE ${found} IS NULL LIMIT 1`,
    add: `INSERT INTO ${table} (room_id, ${column})
       SELECT ${p(1)}, ${found} FROM ${list(p(2))} WHERE ${found} IS NOT NULL ON CONFLICT DO NOTHING`,
  };
}

async function replaceLinks(query: Query, links: LinkStatements, roomId: string, ids: string[]) {
  const work = [query(links.clear, [roomId])];
  for (let start = 0; start < ids.length; start += LIST_ROWS) {
    const list = JSON.stringify(ids.slice(start, start + LIST_ROWS));
    const missing = query(links.missing, [list]);
    work.push(missing, query(links.add, [roomId, list]));
    await Promise.all(work.splice(0));
    const [absent] = await missing;
    if (absent) throw new UnknownReferenceError(`there is no ${links.type} ${absent.value}`);
    await setImmediate();
  }
  await Promise.all(work);
}
