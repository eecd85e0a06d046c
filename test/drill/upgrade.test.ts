import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BALANCERS, type Balancer, type BalancerKind, startBalancer } from '../support/balancer.ts';
import { cli } from '../support/cli.ts';
import { temporaryFolder } from '../support/folder.ts';
import { freePort } from '../support/free-port.ts';
import { startLoad } from '../support/load.ts';
import { post } from '../support/post.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { describeWith, startProgram, stopProgram } from '../support/program.ts';
import { type Release, releaseBefore } from '../support/release.ts';
import { type Service, startService, type Variables } from '../support/service.ts';

const DIRECTORY = [
  { type: 'user', id: 'alice' },
  { type: 'video', id: 'film' },
  { type: 'room', id: 'room', videoIds: ['film'], memberIds: ['alice'] },
];
/** The first licence, which the release before gives, holds now. */
const LICENCES = [
  { from: 1, until: 4_102_444_800 },
  { from: 4_102_444_900, regions: ['SG'] },
];
const LICENSED = `${JSON.stringify({ type: 'video', id: 'film', licences: LICENCES })}\n`;
const NDJSON = DIRECTORY.map((entry) => `${JSON.stringify(entry)}\n`).join('');
const [haproxy] = BALANCERS as [BalancerKind];

type Outcome = { seen: Map<string, number>; refused: unknown[] };

/** Replicas behind HAProxy, which another release replaces one after the other. */
async function startReplicas(count: number, variables: Variables, folder: string, server?: string) {
  const all = { SHUTDOWN_DELAY_MS: '2500', TRUST_PROXY: '127.0.0.1', ...variables };
  const replicas: Service[] = [];
  for (let i = 0; i < count; i++)
    replicas.push(await startService({ ...all, PORT: String(await freePort()) }, { server }));
  const ports = replicas.map(({ port }) => port) as [number];
  const balancer: Balancer = await startBalancer(haproxy, ports, folder);
  return {
    origin: balancer.origin,
    /** Replaces each under load; resolves with the answers by status, and what was not issued. */
    async replace(release?: string): Promise<Outcome> {
      const refused: unknown[] = [];
      // As many requests as leave processors for a replica that starts.
      const load = await startLoad(balancer.origin, 4);
      for (const [index, replica] of replicas.entries()) {
        await served(replicas, 20);
        replica.kill('SIGTERM');
        expect(await replica.exited).toEqual({ code: 0, signal: null });
        refused.push(...refusals(replica));
        await replica.stop();
        replicas[index] = await startService(
          { ...all, PORT: String(replica.port) },
          { server: release },
        );
      }
      await served(replicas, 20);
      const { seen } = await load.stop();
      return { seen, refused: [...refused, ...replicas.flatMap(refusals)] };
    },
    async stop() {
      await balancer.stop();
      await Promise.all(replicas.map((replica) => replica.stop()));
    },
  };
}

/** Resolves when each replica has decided so many more requests: old and new serve side by side. */
async function served(replicas: readonly Service[], requests: number): Promise<void> {
  for (const replica of replicas) {
    const enough = replica.decisions().length + requests;
    await expect
      .poll(() => replica.decisions().length, { timeout: 15_000 })
      .toBeGreaterThanOrEqual(enough);
  }
}

const refusals = (replica: Service) =>
  replica.decisions().filter(({ outcome }) => outcome !== 'issued');

function expectNoFailure({ seen, refused }: Outcome): void {
  expect(refused).toEqual([]);
  expect([...seen.keys()]).toEqual(['200']);
  expect(seen.get('200')).toBeGreaterThan(1_000);
}

describeWith('haproxy', 'an upgrade from the release before', () => {
  let before: Release;
  beforeAll(() => {
    before = releaseBefore();
  });
  afterAll(() => before.remove());

  describeWith('redis-server', 'of three replicas over PostgreSQL and Redis', () => {
    const folder = temporaryFolder();
    let postgres: Postgres;
    let redis: ChildProcess;
    let replicas: Awaited<ReturnType<typeof startReplicas>>;
    let access: Variables;

    beforeAll(async () => {
      postgres = await startPostgres();
      const port = await freePort();
      const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', ''];
      redis = await startProgram('redis-server', options, port);
      access = {
        ACCESS_MODE: 'postgres',
        DATABASE_URL: await postgres.createDatabase('access'),
      };
      const imported = await cli(['directory', 'import', '-'], {
        ...{ env: access, input: NDJSON, program: before.cli },
      });
      expect(imported).toMatchObject({ code: 0 });
      const variables = { ...access, REDIS_URL: `redis://127.0.0.1:${port}` };
      replicas = await startReplicas(3, variables, folder.path, before.server);
    });
    afterAll(async () => {
      await replicas.stop();
      await stopProgram(redis);
      await postgres.stop();
      folder.remove();
    });

    it('fails no request', async () => {
      expectNoFailure(await replicas.replace());
    });

    const importLines = (input: string, program?: string) =>
      cli(['directory', 'import', '-'], { env: access, input, ...(program && { program }) });
    const licences = async () => {
      const { stdout } = await cli(['directory', 'export'], { env: access });
      return JSON.parse(stdout.split('\n').find((line) => line.includes('"video"')) ?? '').licences;
    };

    it('can be taken back without a failed request, from a film with several licences', async () => {
      expect(await importLines(LICENSED)).toMatchObject({ code: 0 });
      expect(await licences()).toEqual(LICENCES);
      expectNoFailure(await replicas.replace(before.server));
    });

    it('can be made again after it was taken back', async () => {
      expectNoFailure(await replicas.replace());
      expect(await licences()).toEqual(LICENCES);
      expect(await importLines(NDJSON, before.cli)).toMatchObject({ code: 0 });
      expect(await licences()).toBeUndefined();
    });
  });

  it('of two processes over one SQLite file fails no request, and its backup serves the release before', async () => {
    const folder = temporaryFolder();
    const file = (name: string) => ({ ACCESS_SQLITE_PATH: join(folder.path, name) });
    const old = (args: string[], env: Variables, input = '') =>
      cli(args, { env, input, program: before.cli });
    await old(['directory', 'import', '-'], file('access.db'), NDJSON);
    const replicas = await startReplicas(2, file('access.db'), folder.path, before.server);
    const { stdout: backup } = await old(['directory', 'export'], file('access.db'));
    expectNoFailure(await replicas.replace());
    await replicas.stop();

    await old(['directory', 'import', '-'], file('restored.db'), backup);
    const service = await startService(file('restored.db'), { server: before.server });
    expect((await post(service.origin)).status).toBe(200);
    await service.stop();
    folder.remove();
  });
});
