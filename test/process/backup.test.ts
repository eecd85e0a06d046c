import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { cli } from '../support/cli.ts';
import { temporaryFolder } from '../support/folder.ts';
import { startLoad } from '../support/load.ts';
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

describe.each(DATABASES)('a backup of a directory in %s', (_name, provide) => {
  let databases: { create(name: string): Promise<Variables>; remove(): Promise<void> };
  beforeAll(async () => {
    databases = await provide();
  });
  afterAll(() => databases.remove());

  it('has one moment while the service answers and changes it, and is restored line for line', async () => {
    const access = await databases.create('access');
    const backup = await whileServing(access, async () => {
      const { code, stdout } = await cli(['directory', 'export'], { env: access });
      expect(code).toBe(0);
      return stdout;
    });
    expectOneMoment(backup);

    const restored = await databases.create('restored');
    const imported = await cli(['directory', 'import', '-'], { env: restored, input: backup });
    expect(imported.code).toBe(0);
    expect((await cli(['directory', 'export'], { env: restored })).stdout).toBe(backup);
    await expectTokenFrom(restored);
  });
});

it('a copy of a SQLite file by VACUUM INTO, made while the service answers, issues tokens', async () => {
  const folder = temporaryFolder();
  onTestFinished(folder.remove);
  const [path, copy] = [join(folder.path, 'access.db'), join(folder.path, 'copy.db')];
  await whileServing({ ACCESS_SQLITE_PATH: path }, async () => {
    const database = new DatabaseSync(path);
    database.exec(`VACUUM INTO '${copy}'`);
    database.close();
  });
  const restored = { ACCESS_SQLITE_PATH: copy };
  expectOneMoment((await cli(['directory', 'export'], { env: restored })).stdout);
  await expectTokenFrom(restored);
});

/** Does `work` while a service over the directory answers and changes it; no request may fail. */
async function whileServing<T>(access: Variables, work: () => Promise<T>): Promise<T> {
  const service = await startService({ ...access, ADMIN_API_KEY });
  onTestFinished(service.stop);
  await importOver(service, ndjson(DIRECTORY) + pair('first'));
  await expectToken(service);
  const load = await startLoad(service.origin, 2);
  const changes = keepChanging(service);
  const result = await work();
  expect(await changes.stop()).toBeGreaterThan(0);
  expect([...(await load.stop()).seen.keys()]).toEqual(['200']);
  return result;
}

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
    async stop(): Promise<number> {
      stopped = true;
      await running;
      return count;
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
  await expectToken(service);
}

/** A service sheds requests while a slow machine still starts it. */
async function expectToken({ origin }: Service): Promise<void> {
  await expect.poll(async () => (await post(origin)).status, { timeout: 5_000 }).toBe(200);
}
