import type { AccessConfig } from '../config/config.ts';
import type { AccessService } from './access.ts';
import { claimsDirectory } from './claims.ts';
import type { Database } from './database.ts';
import { createRulesService } from './rules.ts';
import { openSqliteDatabase, openSqliteDirectory } from './sqlite.ts';

/** Who decides, and the directory's database where there is one. */
export type OpenedAccess = { service: AccessService; database: Database | undefined };

/**
 * Opens what the mode needs.
 *
 * @param onError hears of connections that break while nobody waits for them
 * @throws {ServiceError} `dependency_unavailable` when it cannot be opened
 */
export async function openAccess(
  config: AccessConfig,
  onError: (error: Error) => void = () => {},
): Promise<OpenedAccess> {
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
    case 'postgres': {
      const { openPostgres } = await import('./postgres.ts');
      const { directory, database } = await openPostgres(config.url, onError);
      return { service: createRulesService(directory, database.close), database };
    }
    case 'http': {
      const { createHttpAccess } = await import('./http.ts');
      return { service: createHttpAccess(config), database: undefined };
    }
    case 'claims':
      return { service: withoutReasons(createRulesService(claimsDirectory)), database: undefined };
  }
}

/** The rights are in a credential that whoever asks for the reasons does not have. */
function withoutReasons({ explain: _reasons, ...service }: AccessService): AccessService {
  return service;
}
