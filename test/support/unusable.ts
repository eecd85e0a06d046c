import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openSqliteDatabase } from '../../src/directory/sqlite/database.ts';
import { temporaryFolder } from './folder.ts';
import { startPostgres } from './postgres.ts';
import type { Variables } from './service.ts';

/** A password that no line may contain. */
export const CANARY = 'canary-password-5f0a8c37e1b24d69';

/** Variables that a person got wrong, the variable that the line names, and the cause that it gives. */
export type Mistake = [name: string, variables: () => Variables, variable: string, cause: RegExp];

/** A PostgreSQL server, a taken port and a folder of files, and the variables that point to them. */
export async function startUnusable() {
  const { path: folder, remove } = temporaryFolder();
  const file = (name: string) => join(folder, name);
  const postgres = await startPostgres();
  const database = await postgres.createDatabase('mistakes');
  const blocker = createServer();
  await once(blocker.listen(0, '127.0.0.1'), 'listening');
  mkdirSync(file('folder'));
  writeFileSync(file('text.db'), 'This is a text, although its name ends in .db. '.repeat(20));
  return {
    file,
    postgres,
    database,
    taken: (blocker.address() as AddressInfo).port,
    /** A directory as a later release with this migration would leave it. */
    async makeNewer(name: string, migration: string): Promise<void> {
      await (await openSqliteDatabase(file(name))).close();
      const db = new DatabaseSync(file(name));
      db.exec(`INSERT INTO schema_version (version, name) VALUES (1000, '${migration}')`);
      db.close();
    },
    as(user: string, name = 'mistakes'): Variables {
      const url = new URL(database);
      url.username = user;
      url.password = CANARY;
      url.pathname = `/${name}`;
      return { ACCESS_MODE: 'postgres', DATABASE_URL: url.href };
    },
    postgresAt: (host: string, query = ''): Variables => ({
      ACCESS_MODE: 'postgres',
      DATABASE_URL: `postgres://user:${CANARY}@${host}/directory${query}`,
    }),
    sqlite: (name: string): Variables => ({ ACCESS_SQLITE_PATH: file(name) }),
    async stop(): Promise<void> {
      blocker.close();
      await postgres.stop();
      remove();
    },
  };
}
