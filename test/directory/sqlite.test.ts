import { join } from 'node:path';
import { openSqliteDatabase } from '../../src/directory/sqlite/database.ts';
import { temporaryFolder } from '../support/folder.ts';
import { describeDirectory } from './contract.ts';

describeDirectory('SQLite', async () => {
  const folder = temporaryFolder();
  const database = await openSqliteDatabase(join(folder.path, 'access.db'));
  return {
    ...database,
    async close() {
      await database.close();
      folder.remove();
    },
  };
});
