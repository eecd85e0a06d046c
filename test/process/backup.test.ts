import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { cli } from '../support/cli.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type Load, startLoad } from '../support/load.ts';
import { post } from '../support/post.ts';
import { startPostgres } from '../support/postgres.ts';
import { type Service, startService, type Variables } from '../support/service.ts';

const ADMIN_API_KEY = 'admin-key-0123456789-0123456789-01';
const DIRECTORY = [
  ...Array.from({ length: 6_000 }, (_, index) => ({ type: 'video', id: `m_${index}` })),
  { type: 'user', id: 'alice' },
  { type: 'video', id: 'film' },
  { type: 'room', id: 'room', videoIds: ['film'], memberIds: ['alice'] },
];
/** The ends of the alphabet, changed together: a backup of two moments has them apart. */
const PAIR = ['aaaa', 'zzzz'];

const ndjson = (entries: readonly object[]) =>
  entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
const pair = (title: string) => ndjson(PAIR.map((id) => ({ type: 'video', id, title })));

const DATABASES = [
  [
    'SQLite',
    async () => {
      const folder = temporaryFolder();
      const create = async (name: string) => ({
        ACCESS_MODE: 'sqlite',
        ACCESS_SQLITE_PATH: join(folder.path, `${name}.db`),
      });
      return { create, remove: async () => folder.remove() };
    },
  ],
  [
    'PostgreSQL',
    async () => {
      const postgres = await startPostgres();
      const create = async (name: string) => ({
        ACCESS_MODE: 'postgres',
        DATABASE_URL: await postgres.createDatabase(name),
      });
      return { create, remove: postgres.stop };
    },
  ],
] as const;

describe.each(DATABASES)(
  'a backup of a directory in %s that serves and changes',
  (_name, provide) => {
    let databases: { create(name: string): Promise<Variables>; remove(): Promise<void> };
    let access: Variables;
    let service: Service;
    let load: Load;
    let changes: { count(): number; stop(): Promise<void> };

    beforeAll(async () => {
      databases = await provide();
      access = await databases.create('access');
      service = await startService({ ...access, ADMIN_API_KEY });
      await importOver(service, ndjson(DIRECTORY) + pair('first'));
      load = await startLoad(service.origin, 2);
      changes = keepChanging(service);
    });
    afterAll(async () => {
      await changes.stop();
      await load.stop();
      await service.stop();
      await databases.remove();
    });

    it('has one moment and is restored, line for line, where it issues tokens', async () => {
      const before = changes.count();
      const { code, stdout: backup } = await cli(['directory', 'export'], { env: access });
      expect(code).toBe(0);
      expect(changes.count()).toBeGreaterThan(before);
      expectOneMoment(backup);

      const restored = await databases.create('restored');
      const imported = await cli(['directory', 'import', '-'], { env: restored, input: backup });
      expect(imported.code).toBe(0);
      expect((await cli(['directory', 'export'], { env: restored })).stdout).toBe(backup);
      await expectTokenFrom(restored);
    });

    it('fails no request', async () => {
      const { seen } = await load.stop();
      expect([...seen.keys()]).toEqual(['200']);
    });
  },
);

it('a copy of a SQLite file by VACUUM INTO, made while the service answers, issues tokens', async () => {
  const folder = temporaryFolder();
  onTestFinished(folder.remove);
  const [path, copy] = [join(folder.path, 'access.db'), join(folder.path, 'copy.db')];
  const service = await startService({ ACCESS_SQLITE_PATH: path, ADMIN_API_KEY });
  onTestFinished(service.stop);
  await importOver(service, ndjson(DIRECTORY) + pair('first'));
  const load = await startLoad(service.origin, 2);
  const changes = keepChanging(service);
  const database = new DatabaseSync(path);
  database.exec(`VACUUM INTO '${copy}'`);
  database.close();
  await changes.stop();
  expect([...(await load.stop()).seen.keys()]).toEqual(['200']);
  const restored = { ACCESS_SQLITE_PATH: copy };
  expectOneMoment((await cli(['directory', 'export'], { env: restored })).stdout);
  await expectTokenFrom(restored);
});

async function importOver({ internal }: Service, body: string): Promise<void> {
  const response = await fetch(`${internal}/directory/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_API_KEY}`, 'content-type': 'application/x-ndjson' },
    body,
  });
  expect(response.status).toBe(200);
}

/** Changes the pair together, again and again. */
function keepChanging(service: Service) {
  let stopped = false;
  let count = 0;
  const run = async () => {
    while (!stopped) await importOver(service, pair(`change ${++count}`));
  };
  const running = run();
  return {
    count: () => count,
    async stop() {
      stopped = true;
      await running;
    },
  };
}

function expectOneMoment(backup: string): void {
  const entries = backup
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(entries).toHaveLength(DIRECTORY.length + PAIR.length);
  const [first, last] = PAIR.map((id) => entries.find((entry) => entry.id === id));
  expect(first.title).toBe(last.title);
}

async function expectTokenFrom(access: Variables): Promise<void> {
  const service = await startService(access);
  onTestFinished(service.stop);
  expect((await post(service.origin)).status).toBe(200);
}
