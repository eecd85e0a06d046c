import { openPostgres } from '../../src/access/postgres.ts';
import { startPostgres } from '../support/postgres.ts';
import { describeDirectory } from './contract.ts';

describeDirectory('PostgreSQL', async () => {
  const postgres = await startPostgres();
  const { database } = await openPostgres(await postgres.createDatabase('directory'), () => {});
  return {
    ...database,
    async close() {
      await database.close();
      await postgres.stop();
    },
  };
});
