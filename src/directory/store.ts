import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { foldText, fromRow, givenFields, givenNames, namesOf, SEARCH, toRow } from './columns.ts';
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

/** Who makes a change: the name of a key of the directory API, or `cli:` and a user; and the id of the request. */
export type Author = { actor: string; requestId: string };

/** The author of changes by the command line: one id for each command. */
export function cliAuthor(user: string): Author {
  return { actor: `cli:${user}`, requestId: randomUUID() };
}

/** The number of imported entries of each type. */
export type ImportCounts = Record<EntryType, number>;

/** A committed change: its author and the affected ids. */
export type Change = Author &
  (
    | { operation: 'put' | 'delete'; kind: EntryType; id: string }
    | { operation: 'put' | 'delete'; kind: 'member'; id: string; roomId: string }
    | { operation: 'import'; counts: ImportCounts; replace: boolean }
  );

/** A {@link Change} without its author. */
type Operation = Change extends infer Each
  ? Each extends Change
    ? Omit<Each, keyof Author>
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

/** Is called with the stored entry in the transaction of a change, and may throw to refuse it. */
type Check = (current: unknown) => void;

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
    author: Author,
    type: T,
    id: string,
    changes: Changes[T],
    options?: { create?: boolean; check?: Check | undefined },
  ): Promise<Values[T] | undefined>;
  /** Deletes an entry and its memberships; false if it does not exist. */
  delete(author: Author, type: EntryType, id: string, check?: Check | undefined): Promise<boolean>;
  /**
   * Adds a member.
   *
   * @param create creates an unknown user
   * @param check is called with the room
   * @returns the type of the entry that does not exist; undefined when the user is a member
   */
  putMember(
    author: Author,
    roomId: string,
    userId: string,
    create: boolean,
    check?: Check | undefined,
  ): Promise<'room' | 'user' | undefined>;
  /**
   * Removes a member; false if there is no such membership.
   *
   * @param check is called with the room
   */
  deleteMember(
    author: Author,
    roomId: string,
    userId: string,
    check?: Check | undefined,
  ): Promise<boolean>;
  /**
   * Makes many changes in one transaction and reports them as one. An error of `work` rolls back. `work` is called
   * with the id of the last entry of `changes` before it.
   *
   * @param signal aborts the import before its next statement
   */
  import(
    {
      author,
      replace,
      signal,
    }: { author: Author; replace: boolean; signal?: AbortSignal | undefined },
    work: (writer: Writer, session: Session, before: number) => Promise<ImportCounts>,
  ): Promise<void>;
  /** Records that a token was made without an access check. */
  recordToken(author: Author, token: MintedToken): Promise<void>;
  /** Deletes entries of changes before this time, in Unix milliseconds; a few at a time, until none is left. */
  forgetBefore(time: number): Promise<void>;
  /**
   * Deletes what the changes say about a user.
   *
   * @returns how many entries; undefined while the user is in the directory
   */
  forgetUser(userId: string): Promise<number | undefined>;
  /**
   * Writes the text that is searched where another program wrote a name or title. Until then such rows are found,
   * but slowly.
   */
  fillSearch(): Promise<void>;
};

/** A token as its entry in `changes` has it. */
export type MintedToken = {
  userId: string;
  /** Undefined for a basic token. */
  roomId?: string | undefined;
  /** Undefined for a room token. */
  videoId?: string | undefined;
  /** True for a room token with which streams can be sent. */
  publish?: boolean | undefined;
  expireAt: number;
};

/**
 * @param onChange is called after each committed change
 * @param takesNames false refuses names of users
 */
export function createStore(
  database: Pick<Database, 'transaction' | 'query'>,
  onChange: (change: Change) => void = () => {},
  takesNames = true,
): Store {
  const change: RunChange = async (author, work) => {
    const { result, operation } = await database.transaction((session) =>
      asAuthor(session, author, work),
    );
    if (operation) onChange({ ...author, ...operation });
    return result;
  };
  return {
    put: (author, type, id, changes, { create = true, check } = {}) =>
      change(author, async (session) => {
        const before = await readEntry(session, type, id);
        check?.(before);
        if (!create && !before) return { result: undefined, operation: undefined };
        await createWriter(session, takesNames).put(type, id, changes);
        const result = await readEntry(session, type, id);
        const operation = { operation: 'put', kind: type, id } as const;
        return { result, operation: isDeepStrictEqual(before, result) ? undefined : operation };
      }),
    delete: (author, type, id, check) =>
      change(author, async (session) => {
        if (check) check(await readEntry(session, type, id));
        const done = await deleteEntry(session, type, id);
        return operationIf(done, { operation: 'delete', kind: type, id });
      }),
    ...createMemberChanges(change),
    import: ({ author, replace, signal }, work) =>
      change(author, async (connection) => {
        const session = untilAborted(connection, signal);
        const before = await lastChange(session);
        const counts = await work(createWriter(session, takesNames), session, before);
        await dateChanges(session, before, author);
        return { result: undefined, operation: { operation: 'import', counts, replace } };
      }),
    ...createRecords(database),
  };
}

/** Runs `work` in a transaction, and reports its operation if anything changed. */
type RunChange = <T>(
  author: Author,
  work: (session: Session) => Promise<{ result: T; operation: Operation | undefined }>,
) => Promise<T>;

function createMemberChanges(change: RunChange): Pick<Store, 'putMember' | 'deleteMember'> {
  return {
    putMember: (author, roomId, id, create, check) =>
      change(author, async (session) => {
        if (check) check(await readEntry(session, 'room', roomId));
        const { missing, isNew } = await putMember(session, roomId, id, create);
        const operation = { operation: 'put', kind: 'member', id, roomId } as const;
        return { result: missing, operation: isNew ? operation : undefined };
      }),
    deleteMember: (author, roomId, id, check) =>
      change(author, async (session) => {
        if (check) check(await readEntry(session, 'room', roomId));
        const done = await deleteMember(session, roomId, id);
        return operationIf(done, { operation: 'delete', kind: 'member', id, roomId });
      }),
  };
}

function operationIf(result: boolean, operation: Operation) {
  return { result, operation: result ? operation : undefined };
}

/** What is written to the changes but by triggers. */
function createRecords(
  database: Pick<Database, 'transaction' | 'query'>,
): Pick<Store, 'recordToken' | 'forgetBefore' | 'forgetUser' | 'fillSearch'> {
  return {
    recordToken: (author, token) =>
      database.transaction((session) => recordToken(session, author, token)),
    async forgetBefore(time) {
      while (await hasChangeBefore(database, time)) {
        await database.transaction((session) => deleteFirstChanges(session, time));
        await setImmediate();
      }
    },
    forgetUser: (userId) => database.transaction((session) => forgetUser(session, userId)),
    async fillSearch() {
      for (const [type, field] of [
        ['user', 'name'],
        ['video', 'title'],
      ] as const) {
        const outdated = `SELECT id, ${field} AS text FROM ${TABLES[type].name}
          WHERE ${SEARCH} IS NULL AND ${field} IS NOT NULL LIMIT ${FILLED_ROWS}`;
        // Without outdated rows, as nearly always, there is no transaction.
        let count = (await database.query(outdated)).length;
        while (count > 0) {
          count = await database.transaction((session) => fillRows(session, type, outdated));
          await setImmediate();
        }
      }
    },
  };
}

/** Rows that one transaction fills. */
const FILLED_ROWS = 500;

/** @returns how many rows were outdated */
async function fillRows(
  { query, parameter: p }: Session,
  type: EntryType,
  outdated: string,
): Promise<number> {
  const update = `UPDATE ${TABLES[type].name} SET ${SEARCH} = ${p(1)} WHERE id = ${p(2)}`;
  const rows = await query(outdated);
  for (const { id, text } of rows) {
    await query(update, [foldText(text as string), id as string]);
  }
  return rows.length;
}

async function recordToken(
  { query, parameter: p }: Session,
  { actor, requestId }: Author,
  { userId, roomId, expireAt, ...about }: MintedToken,
): Promise<void> {
  await query(
    `INSERT INTO changes (actor, request_id, type, entry_id, room_id, after)
     VALUES (${[1, 2, 3, 4, 5, 6].map(p)})`,
    [actor, requestId, 'token', userId, roomId ?? null, JSON.stringify({ ...about, expireAt })],
  );
}

/** Entries that one transaction deletes: SQLite blocks the event loop meanwhile. */
const FORGOTTEN_ROWS = 500;

async function hasChangeBefore({ query }: Pick<Session, 'query'>, time: number): Promise<boolean> {
  const [first] = await query('SELECT at FROM changes ORDER BY id LIMIT 1');
  return first !== undefined && Number(first.at) < time;
}

async function deleteFirstChanges({ query, parameter: p }: Session, time: number): Promise<void> {
  const first = `SELECT id FROM changes ORDER BY id LIMIT ${FORGOTTEN_ROWS}`;
  await query(`DELETE FROM changes WHERE id IN (${first}) AND at < ${p(1)}`, [time]);
}

async function forgetUser(session: Session, userId: string): Promise<number | undefined> {
  const { query, parameter: p } = session;
  if (await exists(session, 'user', userId)) return undefined;
  const types = `('user', 'member', 'host', 'token')`;
  const statement = `DELETE FROM changes WHERE entry_id = ${p(1)} AND type IN ${types} RETURNING 1`;
  return (await query(statement, [userId])).length;
}

/** Runs `work` with its author named to the triggers that write `changes`, and to nothing that runs later. */
async function asAuthor<T>(
  session: Session,
  { actor, requestId }: Author,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const { query, author } = session;
  const named = query(author.set, [actor, requestId]);
  // The last statement of `work` fails in a transaction that is broken.
  named.catch(() => {});
  const result = await work(session);
  await named;
  if (author.clear) await query(author.clear);
  return result;
}

async function lastChange({ query }: Session): Promise<number> {
  const [row] = await query('SELECT coalesce(max(id), 0) AS id FROM changes');
  return Number(row?.id);
}

/** An import can take minutes, and nobody sees its changes before its end. */
async function dateChanges(
  { query, parameter: p, clock }: Session,
  after: number,
  { requestId }: Author,
): Promise<void> {
  // PostgreSQL would read its clock anew for each row, but reads a subquery once.
  const end = `(SELECT ${clock})`;
  const statement = `UPDATE changes SET at = ${end} WHERE id > ${p(1)} AND request_id = ${p(2)}`;
  await query(statement, [after, requestId]);
}

/** Builds the SQL statements once for all lines of an import. */
function createWriter(session: Session, takesNames: boolean): Writer {
  const { query, parameter, list } = session;
  const upsert = createUpserts(session);
  const links = {
    videoIds: linkStatements('videoIds', session),
    memberIds: linkStatements('memberIds', session),
    hostIds: linkStatements('hostIds', session),
  };
  return {
    async put(type, id, changes) {
      if (!takesNames && (changes as Changes['user']).name) {
        throw new ConflictError('is refused by USER_NAMES=off; leave it out', 'name');
      }
      if (type === 'video') return putVideo(session, upsert, id, changes as Changes['video']);
      const row = upsert(type, id, changes);
      const { videoIds, memberIds, hostIds } = changes as Changes['room'];
      if (!videoIds && !memberIds && !hostIds) return void (await row);
      const films = videoIds && replaceLinks(query, links.videoIds, id, videoIds);
      const members = memberIds && replaceLinks(query, links.memberIds, id, memberIds);
      // Hosts must be members already; a long list is not sent synchronously.
      if (hostIds && memberIds && memberIds.length > LIST_ROWS) await members;
      await all([row, films, members, hostIds && replaceLinks(query, links.hostIds, id, hostIds)]);
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
  const several = isPart ? query(hasOtherLicences(p), [id]).then(refuseAny(given[0])) : undefined;
  const row = upsert('video', id, fields);
  const clear =
    given.length > 0 && !isPart ? query(deleteLicencesAfter(p), [id, others.length]) : undefined;
  const rows = others.map((licence, index) =>
    query(upsertLicence(p), licenceRow(id, index + 1, licence)),
  );
  await all([several, row, clear, ...rows]);
}

const refuseAny = (field?: string) => (licences: Row[]) => {
  if (licences.length > 0) throw new ConflictError(SEVERAL_LICENCES, field);
};

function deleteLicencesAfter(p: Session['parameter']): string {
  return `DELETE FROM ${LICENCE_TABLE} WHERE video_id = ${p(1)} AND position > ${p(2)}`;
}

/** A licence that stays equal is not a change. */
function upsertLicence(p: Session['parameter']): string {
  const set = namesOf(LICENCE_COLUMNS).map((name) => `${name} = excluded.${name}`);
  return `INSERT INTO ${LICENCE_TABLE} (${LICENCE_NAMES}) VALUES (${LICENCE_NAMES.map((_, i) => p(i + 1))})
    ON CONFLICT (video_id, position) DO UPDATE SET ${set}`;
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
  const names = givenNames(TABLES[type].columns, changes);
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
): Promise<{ missing?: 'room' | 'user'; isNew: boolean }> {
  const { query, parameter: p } = session;
  if (!(await exists(session, 'room', roomId))) return { missing: 'room', isNew: false };
  if (create) {
    await query(`INSERT INTO users (id) VALUES (${p(1)}) ON CONFLICT DO NOTHING`, [userId]);
  } else if (!(await exists(session, 'user', userId))) return { missing: 'user', isNew: false };
  const added = await query(`${linkStatements('memberIds', session).add} RETURNING 1`, [
    roomId,
    JSON.stringify([userId]),
  ]);
  return { isNew: added.length > 0 };
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
  const isHosts = of === 'hostIds';
  // Not a join: the planner would assume a hundred ids and scan the whole table for each room.
  const found = (roomId: string) =>
    isHosts
      ? `(SELECT user_id FROM room_members WHERE room_id = ${roomId} AND user_id = value)`
      : `(SELECT ${target}.id FROM ${target} WHERE ${target}.id = value)`;
  return {
    isHosts,
    unknown: (id: string) =>
      isHosts ? `${id} is not a member of the room` : `there is no ${type} ${id}`,
    keep: `DELETE FROM ${table} WHERE room_id = ${p(1)} AND ${column} NOT IN (SELECT value FROM ${list(p(2))})`,
    remove: `DELETE FROM ${table} WHERE room_id = ${p(1)} AND ${column} IN (SELECT value FROM ${list(p(2))})`,
    page: `SELECT ${column} AS id FROM ${table} WHERE room_id = ${p(1)} AND ${column} > ${p(2)} ORDER BY ${column} LIMIT ${LIST_ROWS}`,
    missing: `SELECT value FROM ${list(p(1))} WHERE ${found(p(2))} IS NULL LIMIT 1`,
    add: `INSERT INTO ${table} (room_id, ${column})
       SELECT ${p(1)}, ${found(p(1))} FROM ${list(p(2))} WHERE ${found(p(1))} IS NOT NULL ON CONFLICT DO NOTHING`,
  };
}

/** Changes a list to these ids. What is in both stays as it is. */
async function replaceLinks(query: Query, links: LinkStatements, roomId: string, ids: string[]) {
  // Short lists are compared by one statement, which is sent synchronously.
  const work: Promise<unknown>[] =
    ids.length <= LIST_ROWS
      ? [query(links.keep, [roomId, JSON.stringify(ids)])]
      : [removeOtherLinks(query, links, roomId, new Set(ids))];
  for (let start = 0; start < ids.length; start += LIST_ROWS) {
    const list = JSON.stringify(ids.slice(start, start + LIST_ROWS));
    const missing = query(links.missing, links.isHosts ? [list, roomId] : [list]);
    work.push(missing, query(links.add, [roomId, list]));
    await Promise.all(work.splice(0));
    const [unknown] = await missing;
    if (unknown) throw new ConflictError(links.unknown(unknown.value as string));
    await setImmediate();
  }
  await Promise.all(work);
}

async function removeOtherLinks(
  query: Query,
  links: LinkStatements,
  roomId: string,
  ids: ReadonlySet<string>,
): Promise<void> {
  let last = '';
  for (;;) {
    const page = (await query(links.page, [roomId, last])).map(({ id }) => id as string);
    const others = page.filter((id) => !ids.has(id));
    if (others.length > 0) await query(links.remove, [roomId, JSON.stringify(others)]);
    if (page.length < LIST_ROWS) return;
    last = page.at(-1) as string;
    await setImmediate();
  }
}
