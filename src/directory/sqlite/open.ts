import { unlinkSync } from 'node:fs';
import type { AccessDirectory } from '../../access/access.ts';
import type { Database } from '../database.ts';
import { delegate, openSqliteDatabase, openSqliteReader } from './database.ts';
import { unusable } from './errors.ts';
import { openSqliteFacts } from './facts.ts';
import { identityOf } from './path.ts';

const CHECK_EVERY_MS = 1_000;
/** The files that SQLite keeps beside the database in WAL mode. */
const SIDE_FILES = ['-wal', '-shm'];

/** A directory in a SQLite file. */
export type SqliteDirectory = {
  directory: AccessDirectory;
  database: Database;
  /** The file was removed, or one that cannot be used took its place. */
  isGone(): boolean;
};

/** What happened to the file: it is gone, with the reason, or it was replaced and is open again. */
export type FileChange = { state: 'gone'; error: unknown } | { state: 'reopened' };

type Opened = {
  database: Database;
  facts: ReturnType<typeof openSqliteFacts>;
  identity: string | undefined;
  sideFiles: readonly (readonly [path: string, identity: string | undefined])[];
};

/**
 * Opens a SQLite file, and opens it again when another one takes its place, as a restore does. A file that is changed
 * in place is not recognized.
 *
 * @param readOnly the file must exist and is not changed
 * @throws {ServiceError} `dependency_unavailable` when the file cannot be used
 */
export async function openSqlite(
  path: string,
  readOnly: boolean,
  onFileChange: (change: FileChange) => void = () => {},
): Promise<SqliteDirectory> {
  const first = await open(path, readOnly);
  let opened: Opened | undefined = first;
  let isReported = false;
  const report = (change: FileChange) => {
    if (change.state === 'reopened' || !isReported) onFileChange(change);
    isReported = change.state === 'gone';
  };
  const reopen = async () => {
    const old = opened;
    opened = undefined;
    try {
      if (old) await closeReplaced(old);
      if (identityOf(path) === undefined) throw unusable('FILE_GONE');
      opened = await open(path, readOnly);
      report({ state: 'reopened' });
    } catch (error) {
      report({ state: 'gone', error });
    }
  };
  const check = poll(async () => {
    if (!opened || identityOf(path) !== opened.identity) await reopen();
  });
  const current = () => {
    if (!opened) throw unusable('FILE_GONE');
    return opened;
  };
  return {
    directory: {
      facts: (request) => opened?.facts.facts(request) ?? Promise.reject(unusable('FILE_GONE')),
    },
    isGone: () => !opened,
    database: delegate(
      first.database,
      () => current().database,
      async () => {
        await check.stop();
        opened?.facts.close();
        await opened?.database.close();
      },
    ),
  };
}

async function open(path: string, readOnly: boolean): Promise<Opened> {
  const database = readOnly ? openSqliteReader(path) : await openSqliteDatabase(path);
  const facts = openSqliteFacts(path);
  const sideFiles = SIDE_FILES.map((suffix) => {
    const name = `${path}${suffix}`;
    return [name, identityOf(name)] as const;
  });
  return { database, facts, identity: identityOf(path), sideFiles };
}

/** Removes the side files of the replaced file: SQLite would take their pages for pages of the new one. */
async function closeReplaced({ database, facts, sideFiles }: Opened): Promise<void> {
  facts.close();
  await database.close();
  for (const [name, identity] of sideFiles) {
    if (identity !== undefined && identityOf(name) === identity) unlinkSync(name);
  }
}

/** Runs `work` every second, never twice at once. */
function poll(work: () => Promise<void>) {
  let last = Promise.resolve();
  let isRunning = false;
  const timer = setInterval(() => {
    if (isRunning) return;
    isRunning = true;
    last = work().finally(() => {
      isRunning = false;
    });
  }, CHECK_EVERY_MS).unref();
  return {
    stop(): Promise<void> {
      clearInterval(timer);
      return last;
    },
  };
}
