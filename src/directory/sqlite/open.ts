import type { AccessDirectory } from '../../access/access.ts';
import type { Database } from '../database.ts';
import { openSqliteDatabase, openSqliteReader } from './database.ts';
import { openSqliteFacts } from './facts.ts';

/** A directory in a SQLite file. */
export type SqliteDirectory = { directory: AccessDirectory; database: Database };

/**
 * Opens a SQLite file.
 *
 * @param readOnly the file must exist and is not changed
 * @throws {ServiceError} `dependency_unavailable` when the file cannot be used
 */
export async function openSqlite(path: string, readOnly: boolean): Promise<SqliteDirectory> {
  const database = readOnly ? openSqliteReader(path) : await openSqliteDatabase(path);
  const directory = openSqliteFacts(path);
  const close = async () => {
    directory.close();
    await database.close();
  };
  return { directory, database: { ...database, close } };
}
