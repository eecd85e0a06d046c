import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccessService } from '../../src/access/access.ts';
import type { Database } from '../../src/directory/database.ts';
import { openAccess } from '../../src/open-access.ts';
import { NOW } from '../support/clock.ts';
import { load } from '../support/directory.ts';
import { rejectionOf } from '../support/errors.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { describeAccessDirectory } from './contract.ts';

const QUESTION = {
  userId: 'alice',
  roomId: 'room',
  videoId: 'film',
  country: undefined,
  requestId: 'test',
};
const DIRECTORY = [
  { type: 'user', id: 'alice' },
  { type: 'video', id: 'film' },
  { type: 'room', id: 'room', videoIds: ['film'], memberIds: ['alice'] },
];
const UNAVAILABLE = { code: 'dependency_unavailable' };

let postgres: Postgres;
const lost: Error[] = [];
const batches: number[] = [];

type OpenPostgres = { service: AccessService; database: Database };

async function open(url: string): Promise<OpenPostgres> {
  const { service, database } = await openAccess(
    { mode: 'postgres', url },
    { onConnectionLost: (error) => lost.push(error), onBatch: (size) => batches.push(size) },
  );
  if (!database) throw new Error('PostgreSQL has a directory');
  return { service, database };
}

beforeAll(async () => {
  postgres = await startPostgres();
});

afterAll(() => postgres.stop());

describeAccessDirectory('PostgreSQL', async () => {
  const { service, database } = await open(await postgres.createDatabase('contract'));
  return { service, load: (entries) => load(database, entries), close: service.close };
});

describe('migrations of PostgreSQL', () => {
  it('are applied once by replicas that start at the same time', async () => {
    const url = await postgres.createDatabase('replicas');
    const replicas = await Promise.all([open(url), open(url), open(url)]);
    const versions = await replicas[0]?.database.query('SELECT version FROM schema_version');
    expect(versions?.map(({ version }) => Number(version))).toEqual([0, 1, 2, 3, 4, 5]);
    await Promise.all(replicas.map(({ service }) => service.close()));
  });

  it('do not wait for an import that runs', async () => {
    const url = await postgres.createDatabase('importing');
    const first = await open(url);
    await first.database.transaction(async () => {
      const second = await open(url);
      await second.service.close();
    });
    await first.service.close();
  });
});

it('PostgreSQL plans the query of single requests once, not each time', async () => {
  const { service, database } = await open(await postgres.createDatabase('plans'));
  // PostgreSQL compares the first five with a plan for any values.
  for (let n = 0; n < 8; n++) await service.check(QUESTION, NOW);
  const [facts] = await database.query(
    "SELECT generic_plans::int, custom_plans::int FROM pg_prepared_statements WHERE name LIKE 'facts%'",
  );
  expect(facts).toEqual({ generic_plans: 3, custom_plans: 5 });
  await service.close();
});

it('PostgreSQL is asked one query for the requests of a batch, and its size is told', async () => {
  const { service } = await open(await postgres.createDatabase('batches'));
  batches.splice(0);
  await Promise.all(Array.from({ length: 5 }, () => service.check(QUESTION, NOW)));
  await service.check(QUESTION, NOW);
  expect(batches).toEqual([5, 1]);
  await service.close();
});

describe('PostgreSQL in trouble', () => {
  let access: OpenPostgres;
  beforeAll(async () => {
    access = await open(await postgres.createDatabase('trouble'));
    await load(access.database, DIRECTORY);
  });
  afterAll(() => access.service.close());

  const check = () => access.service.check(QUESTION, NOW);
  /** A check in a tick of its own, and so with a query of its own. */
  const checkAlone = () => setImmediate().then(check);
  const elapsed = async (work: Promise<unknown>) => {
    const started = performance.now();
    await work;
    return performance.now() - started;
  };

  it('that stalls gives no answer within 1.5 s, and answers again when it goes on', async () => {
    await postgres.signal('SIGSTOP');
    try {
      const ms = await elapsed(expect(check()).rejects.toMatchObject(UNAVAILABLE));
      expect(ms).toBeLessThan(1_500);
      expect(access.service.healthy()).toBe(false);
    } finally {
      await postgres.signal('SIGCONT');
    }
    await expect.poll(() => check().catch(() => null), { timeout: 5_000 }).toEqual({ allow: true });
    expect(access.service.healthy()).toBe(true);
  });

  it('whose connections are all taken by slow statements answers later requests within 1.5 s', async () => {
    await postgres.signal('SIGSTOP');
    try {
      const questions = Array.from({ length: 30 }, () => elapsed(rejectionOf(checkAlone())));
      const longest = Math.max(...(await Promise.all(questions)));
      expect(longest).toBeLessThan(1_500);
    } finally {
      await postgres.signal('SIGCONT');
    }
    await expect.poll(() => check().catch(() => null), { timeout: 5_000 }).toEqual({ allow: true });
  });

  it('that is killed gives no answer, ends nobody, and answers again within 2 s of its return', async () => {
    // Several connections, so that some are idle when the server goes.
    await Promise.all(Array.from({ length: 8 }, checkAlone));
    await postgres.signal('SIGKILL');
    await expect(check()).rejects.toMatchObject(UNAVAILABLE);
    await expect.poll(() => lost.length, { timeout: 5_000 }).toBeGreaterThan(0);
    await postgres.start();
    await expect.poll(() => check().catch(() => null), { timeout: 2_000 }).toEqual({ allow: true });
  });

  it('that cannot be reached says nothing of its address or password', async () => {
    const error = await rejectionOf(
      open('postgres://postgres:canary-password@127.0.0.1:1/trouble'),
    );
    expect(error).toMatchObject(UNAVAILABLE);
    expect((error as Error).message).toBe('dependency_unavailable');
  });
});
