import type {
  AccessDirectory,
  AccessFacts,
  AccessRequest,
  AccessService,
  EntryRequest,
} from './access/access.ts';
import type { BackendOptions } from './access/backend.ts';
import { claimsDirectory, decideEntryByClaims } from './access/jwt-claims.ts';
import { decide, decideBasic, decideRoom, explain, explainRoom } from './access/rules.ts';
import type { AccessConfig } from './config/config.ts';
import { type Dependency, watchDependency } from './dependency.ts';
import { readPastFacts } from './directory/changes.ts';
import type { Database } from './directory/database.ts';
import { readEntryFacts } from './directory/facts.ts';
import type { PostgresOptions } from './directory/postgres/open.ts';
import type { FileChange } from './directory/sqlite/open.ts';

const PROBE_EVERY_MS = 2_000;
const PROBE = { userId: 'probe', roomId: 'probe', videoId: 'probe', country: undefined };

/** Options and events of all access modes. */
export type AccessOptions = PostgresOptions &
  Pick<BackendOptions, 'onUnknownField'> & {
    /** Called when the SQLite file is gone, or was replaced and is open again. */
    onFileChange?(change: FileChange): void;
  };

/** The access service, and the directory's database if there is one. */
export type OpenedAccess = {
  service: AccessService;
  database: Database | undefined;
  /** False with USER_NAMES=off. */
  takesNames?: boolean | undefined;
  /** The SQLite file was removed, or one that cannot be used took its place. */
  isGone?(): boolean;
};

/**
 * Opens the access service of `ACCESS_MODE`.
 *
 * @param options with `readOnly` a missing database is an error, and the schema is not migrated
 * @throws {ServiceError} `dependency_unavailable` when it cannot be opened
 */
export async function openAccess(
  config: AccessConfig,
  options: AccessOptions = {},
): Promise<OpenedAccess> {
  switch (config.mode) {
    case 'sqlite': {
      const { openSqlite } = await import('./directory/sqlite/open.ts');
      const { readOnly = false, onFileChange } = options;
      const { directory, database, isGone } = await openSqlite(config.path, readOnly, onFileChange);
      return {
        service: ofDirectory(createRulesService(directory, database.close), database),
        database,
        takesNames: config.userNames,
        isGone,
      };
    }
    case 'postgres': {
      const { openPostgres } = await import('./directory/postgres/open.ts');
      const { directory, database } = await openPostgres(config.url, options);
      return {
        service: ofDirectory(createRulesService(directory, database.close), database),
        database,
        takesNames: config.userNames,
      };
    }
    case 'http': {
      const { createBackendAccess } = await import('./access/backend.ts');
      const { onUnknownField = () => {} } = options;
      const service = createBackendAccess({ ...config, onUnknownField });
      return { service, database: undefined };
    }
    case 'claims': {
      const { check, healthy, close } = createRulesService(claimsDirectory);
      const service = {
        ...{ check, healthy, close },
        checkEntry: async (request: EntryRequest, now: number) => decideEntryByClaims(request, now),
      };
      // Grants are in the user's JWT, which an operator does not have.
      return { service, database: undefined };
    }
  }
}

/** Decides about rooms, too, and explains decisions of the past from the changes that a database keeps. */
function ofDirectory({ up, down, ...service }: RulesService, database: Database): AccessService {
  return {
    ...service,
    async checkEntry(request) {
      const { userId } = request;
      const roomId = request.kind === 'room' ? request.roomId : '';
      try {
        const facts = await readEntryFacts(database, { userId, roomId });
        up();
        return request.kind === 'room' ? decideRoom(facts, request) : decideBasic(facts);
      } catch (error) {
        down();
        throw error;
      }
    },
    explainEntry: async (request) => explainRoom(await readEntryFacts(database, request), request),
    explainPast: async (request, at) =>
      explain(await readPastFacts(database, request, at), request, Math.floor(at / 1000)),
  };
}

/** What the rules of videos decide, and the health of the directory. */
type RulesService = Omit<AccessService, 'checkEntry'> &
  Pick<Dependency<[AccessRequest], AccessFacts>, 'up' | 'down'>;

/** An access service that applies the rules to the facts of a directory. */
export function createRulesService(
  directory: AccessDirectory,
  close: () => Promise<void> = async () => {},
): RulesService {
  const { ask, ...dependency } = watchDependency({
    ask: directory.facts,
    probe: () => directory.facts({ ...PROBE, requestId: 'probe' }),
    probeEveryMs: PROBE_EVERY_MS,
  });
  return {
    check: async (request, now) => decide(await ask(request), request, now),
    explain: async (request, now) => explain(await directory.facts(request), request, now),
    ...dependency,
    async close() {
      dependency.close();
      await close();
    },
  };
}
