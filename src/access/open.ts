import type { AccessConfig } from '../config/config.ts';
import type { AccessService } from './access.ts';
import { claimsDirectory } from './claims.ts';
import type { Database } from './database.ts';
import { createRulesService } from './rules.ts';
import { openSqliteDatabase, openSqliteDirectory } from './sqlite.ts';

/** Who decides, and the directory's database where there is one. */
export type OpenedAccess = { service: AccessService; database: Database | undefined };

/** @throws {ServiceError} `dependency_unavailable` when what the mode needs cannot be opened */
export async function openAccess(config: AccessConfig): Promise<OpenedAccess> {
  switch (config.mode) {
    case 'sqlite': {
      const database = await openSqliteDatabase(config.path);
      const directory = openSqliteDirectory(config.path);
      const close = async () => {
        directory.close();
        await database.close();
      };
      return { service: createRulesService(directory, close), database };
    }
    case 'claims':
      return { service: createRulesService(claimsDirectory), database: undefined };
    default:
      throw new Error('not yet');
  }
}
