import { setImmediate } from 'node:timers/promises';
import { fromRow, givenColumns, givenFields, namesOf, toRow } from './columns.ts';
import { type Database, type Query, type Row, type Session, untilAborted } from './database.ts';
import { type Changes, type EntryType, LINKS, TABLES, type Values } from './entries.ts';
import {
  EMPTY_WINDOW,
  givenShortForm,
  isEmptyWindow,
  LICENCE_COLUMNS,
  LICENCE_NAMES,
  LICENCE_TABLE,
  licenceRow,
  splitLicences,
} from './licences.ts';
import { readEntry } from './read.ts';

/** The author of a change: `admin` for the directory API, or the user of the command line. */
export type Actor = 'admin' | `cli:${string}`;

/** The number of imported entries of each type. */
export type ImportCounts = Record<EntryType, number>;

/** A committed change: its actor and the affected ids. */
export type Change = { actor: Actor } & (
  | { operation: 'put' | 'delete'; kind: EntryType; id: string }
  | { operation: 'put' | 'delete'; kind: 'member'; id: string; roomId: string }
  | { operation: 'import'; counts: ImportCounts; replace: boolean }
);

/** A {@link Change} without its actor. */
type Operation = Change extends infer Each
  ? Each extends Change
    ? Omit<Each, 'actor'>
    : never
  : never;

/** A change that contradicts what is stored: it refers to a missing entry, or leaves an empty licence window. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
  /** The field of the entry; empty for the whole entry. */
  readonly path: string;

  constructor(message: string, path = '') {
    super(message);
    this.path = path;
  }
}

/** Writes entries within the transaction of an import. */
export type Writer = {
  /**
   * Creates an entry or changes the given fields. Sends the first {@link LIST_ROWS} items of each list of a room
   * synchronously.
   *
   * @throws {ConflictError} roll back the transaction
   */
  put<T extends EntryType>(type: T, id: string, changes: Changes[T]): Promise<void>;
  /** Deletes the entries of these ids, with their memberships. */
  delete(type: EntryType, ids: readonly string[]): Promise<void>;
};

/**
 * All changes of the directory go through this interface. Each change is one transaction.
 *
 * Each function throws {ServiceError} `dependency_unavailable` when the database does not answer or is locked.
 */
export type Store = {
  /**
   * Changes the given fields of an entry; the others stay as they are.
   *
   * @param create creates a missing entry, in which fields that are not given have their defaults
   * @returns the stored entry; undefined if it does not exist
   * @throws {ConflictError}
   */
  put<T extends EntryType>(
    actor: Actor,
    type: T,
    id: string,
    changes: Changes[T],
    create?: boolean,
  ): Promise<Values[T] | undefined>;
  /** Deletes an entry and its memberships; false if it does not exist. */
  delete(actor: Actor, type: EntryType, id: string): Promise<boolean>;
  /**
   * Adds a member.
   *
   * @param create creates an unknown user
   * @returns the type of the entry that does not exist; undefined when the user is a member
   */
  putMember(
    actor: Actor,
    roomId: string,
    userId: string,
    create: boolean,
  ): Promise<'room' | 'user' | undefined>;
  /** Removes a member; false if there is no such membership. */
  deleteMember(actor: Actor, roomId: string, userId: string): Promise<boolean>;
  /**
   * Makes many changes in one transaction and reports them as one. An error of `work` rolls back.
   *
   * @param signal aborts the import before its next statement
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

/** @param onChange is called after each committed change */
export function createStore(
  database: Pick<Database, 'transaction'>,
  onChange: (change: Change) => void = () => {},
): Store {
  /** Runs `work` in a transaction, and reports its operation if anything changed. */
  async function change<T>(
    actor: Actor,
    work: (session: Session) => Promise<{ result: T; operation: Operation | undefined }>,
  ): Promise<T> {
    const { result, operation } = await database.transaction(work);
    if (operation) onChange({ actor, ...operation });
    return result;
  }
  const operationIf = (result: boolean, operation: Operation) => ({
    result,
    operation: result ? operation : undefined,
  });

  return {
    put: (actor, type, id, changes, create = true) =>
      change(actor, async (session) => {
        if (!create && !(await exists(session, type, id))) {
          return { result: undefined, operation: undefined };
        }
        await createWriter(session).put(type, id, changes);
        const result = await readEntry(session, type, id);
        return { result, operation: { operation: 'put', kind: type, id } };
      }),
    delete: (actor, type, id) =>
      change(actor, async (session) =>
        operationIf(await deleteEntry(session, type, id), { operation: 'delete', kind: type, id }),
      ),
    putMember: (actor, roomId, id, create) =>
      change(actor, async (session) => {
        const result = await putMember(session, roomId, id, create);
        const operation = { operation: 'put', kind: 'member', id, roomId } as const;
        return { result, operation: result === undefined ? operation : undefined };
      }),
    deleteMember: (actor, roomId, id) =>
      change(actor, async (session) =>
        operationIf(await deleteMember(session, roomId, id), {
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
        return { result: undefined, operation: { operation: 'import', counts, replace } };
      }),
  };
}

/** Builds the SQL statements once for all lines of an import. */
function createWriter(session: Session): Writer {
  const { query, parameter, list } = session;
  const upsert = createUpserts(session);
  const links = {
    videoIds: linkStatements('videoIds', session),
    memberIds: linkStatements('memberIds', session),
  };
  return {
    async put(type, id, changes) {
      if (type === 'video') return putVideo(session, upsert, id, changes as Changes['video']);
      const row = upsert(type, id, changes);
      const { videoIds, memberIds } = changes as Changes['room'];
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

/** Creates or changes a row. An update names the given columns only. */
function createUpserts({ query, parameter }: Pick<Session, 'query' | 'parameter'>) {
  const statements = new Map<string, string>();
  return async (type: EntryType, id: string, changes: Changes[EntryType]): Promise<void> => {
    const { columns } = TABLES[type];
    const key = type + givenFields(columns, changes);
    const statement = statements.get(key) ?? upsertStatement(type, changes, parameter);
    statements.set(key, statement);
    const [row] = await query(statement, [id, ...toRow(columns, changes)]);
    if (row) checkWindow(row);
  };
}

type Upsert = ReturnType<typeof createUpserts>;

/** @throws {ConflictError} */
async function putVideo(
  { query, parameter: p }: Session,
  upsert: Upsert,
  id: string,
  changes: Changes['video'],
): Promise<void> {
  const { fields, others } = splitLicences(changes);
  const given = givenShortForm(fields);
  // A part of the short form does not say which of several licences it is about.
  const isPart = given.length > 0 && given.length < namesOf(LICENCE_COLUMNS).length;
  const several = isPart ? query(hasOtherLicences(p), [id]) : undefined;
  // The trigger clears the other licences when this names the columns of the first one.
  const row = upsert('video', id, fields);
  const insert = `INSERT INTO ${LICENCE_TABLE} (${LICENCE_NAMES}) VALUES (${LICENCE_NAMES.map((_, i) => p(i + 1))})`;
  const rows = others.map((licence, index) => query(insert, licenceRow(id, index + 1, licence)));
  await all([several, row, ...rows]);
  if ((await several)?.length) throw new ConflictError(SEVERAL_LICENCES, given[0]);
}

const SEVERAL_LICENCES =
  'the video has several licences; give licences, or all of availableFrom, availableUntil and regions';

function hasOtherLicences(p: Session['parameter']): string {
  return `SELECT 1 FROM ${LICENCE_TABLE} WHERE video_id = ${p(1)} LIMIT 1`;
}

function upsertStatement(
  type: EntryType,
  changes: Changes[EntryType],
  parameter: Session['parameter'],
): string {
  const names = givenColumns(TABLES[type].columns, changes).map(({ name }) => name);
  const inserted = ['id', ...names];
  const set = names.map((name) => `${name} = excluded.${name}`);
  const update = set.length > 0 ? `DO UPDATE SET ${set}` : 'DO NOTHING';
  const given = WINDOW.filter((name) => names.includes(name));
  // The other end of the window is known only once the row is written.
  const returning = given.length === 1 ? ` RETURNING ${WINDOW}` : '';
  return `INSERT INTO ${TABLES[type].name} (${inserted}) VALUES (${inserted.map((_, i) => parameter(i + 1))})
     ON CONFLICT (id) ${update}${returning}`;
}

const { from, until } = LICENCE_COLUMNS;
const WINDOW = [from.name, until.name];

/** @throws {ConflictError} */
function checkWindow(row: Row): void {
  const window = fromRow({ from, until }, row);
  if (isEmptyWindow(window.from, window.until)) {
    throw new ConflictError(EMPTY_WINDOW, 'availableUntil');
  }
}

async function exists(
  { query, parameter: p }: Session,
  type: EntryType,
  id: string,
): Promise<boolean> {
  const rows = await query(`SELECT 1 FROM ${TABLES[type].name} WHERE id = ${p(1)}`, [id]);
  return rows.length > 0;
}

async function putMember(
  session: Session,
  roomId: string,
  userId: string,
  create: boolean,
): Promise<'room' | 'user' | undefined> {
  const { query, parameter: p } = session;
  if (!(await exists(session, 'room', roomId))) return 'room';
  if (create) {
    await query(`INSERT INTO users (id) VALUES (${p(1)}) ON CONFLICT DO NOTHING`, [userId]);
  } else if (!(await exists(session, 'user', userId))) return 'user';
  await query(linkStatements('memberIds', session).add, [roomId, JSON.stringify([userId])]);
  return undefined;
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

/** Waits for all, then throws the first failure. */
export async function all(work: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  const results = await Promise.allSettled(work);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
}

/** Links per statement. SQLite statements block the event loop, so large lists are split. */
export const LIST_ROWS = 200;

type LinkStatements = ReturnType<typeof linkStatements>;

function linkStatements(
  of: keyof typeof LINKS,
  { parameter: p, list }: Pick<Session, 'parameter' | 'list'>,
) {
  const { table, column, type } = LINKS[of];
  const target = TABLES[type].name;
  // Not a join: the planner would assume a hundred ids and scan the whole table for each room.
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
    const [unknown] = await missing;
    if (unknown) throw new ConflictError(`there is no ${links.type} ${unknown.value}`);
    await setImmediate();
  }
  await Promise.all(work);
}
