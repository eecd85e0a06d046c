import { openAccess } from '../../src/open-access.ts';
import { load } from '../support/directory.ts';
import { temporaryFolder } from '../support/folder.ts';
import { describeAccessDirectory } from './contract.ts';

describeAccessDirectory('SQLite', async () => {
  const folder = temporaryFolder();
  const path = `${folder.path}/data/access.db`;
  const { service, database } = await openAccess({ mode: 'sqlite', path });
  if (!database) throw new Error('there is no database');
  return {
    service,
    load: (entries) => load(database, entries),
    async close() {
      await service.close();
      folder.remove();
    },
  };
});
