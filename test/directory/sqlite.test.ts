import { join } from 'node:path';
import { openSqliteDatabase } from '../../src/directory/sqlite/database.ts';
import { temporaryFolder } from '../support/folder.ts';
import { describeDirectory } from './contract.ts';
import { describeHistory } from './history.ts';
import { describeSearch } from './search.ts';

async function openTemporary() {
  const folder = temporaryFolder();
  const database = await openSqliteDatabase(join(folder.path, 'access.db'));
  return {
    ...database,
    async close() {
      await database.close();
      folder.remove();
    },
  };
}

describeDirectory('SQLite', openTemporary);
describeHistory('SQLite', openTemporary, 500);
describeSearch('SQLite', openTemporary);
