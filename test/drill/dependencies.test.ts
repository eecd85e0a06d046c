import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openAccess } from '../../src/open-access.ts';
import { load } from '../support/directory.ts';
import { freePort } from '../support/free-port.ts';
import { signFreshJwt } from '../support/jwt.ts';
import { type Answer, post } from '../support/post.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { describeWith, startProgram, stopProgram } from '../support/program.ts';
import { type Service, startService } from '../support/service.ts';

const DIRECTORY = [
  { type: 'user', id: 'alice' },
  { type: 'video', id: 'film' },
  { type: 'room', id: 'room', videoIds: ['film'], memberIds: ['alice'] },
];

/** What an outage of what the service depends on must look like from outside. */
async function expectOutage(service: Service): Promise<void> {
  const answers = await Promise.all(Array.from({ length: 40 }, () => post(service.origin)));
  for (const { status, code, retryAfter, ms } of answers) {
    expect({ status, code }).toEqual({ status: 503, code: 'dependency_unavailable' });
    expect(retryAfter).toBeGreaterThan(0);
    expect(ms).toBeLessThan(3_000);
  }
  expect((await fetch(`${service.origin}/healthz`)).status).toBe(200);
  const ready = await fetch(`${service.origin}/readyz`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toMatchObject({ dependencies: { access: 'down' } });
}

const expectRecovery = (service: Service, timeout = 5_000) =>
  expect.poll(async () => (await post(service.origin)).status, { timeout }).toBe(200);

describe('a service over PostgreSQL', () => {
  let postgres: Postgres;
  let service: Service;
  beforeAll(async () => {
    postgres = await startPostgres();
    const url = await postgres.createDatabase('access');
    service = await startService({ ACCESS_MODE: 'postgres', DATABASE_URL: url });
    const { database, service: access } = await openAccess({ mode: 'postgres', url });
    if (database) await load(database, DIRECTORY);
    await access.close();
  });
  afterAll(async () => {
    await service.stop();
    await postgres.stop();
  });

  it('that stalls says so in time, and recovers by itself', async () => {
    expect((await post(service.origin)).status).toBe(200);
    await postgres.signal('SIGSTOP');
    await expectOutage(service).finally(() => postgres.signal('SIGCONT'));
    await expectRecovery(service);
  });

  it('that is killed says so in time, and recovers by itself', async () => {
    await postgres.signal('SIGKILL');
    await expectOutage(service);
    await postgres.start();
    await expectRecovery(service);
    expect(`${service.stdout()}${service.stderr()}`).not.toContain('canary-password');
  });
});

describe('a service over the own backend of a team', () => {
  let backend: Server;
  let respond: RequestListener = (_request, response) => response.end('{"allow":true}');
  let service: Service;
  beforeAll(async () => {
    backend = createServer((request, response) => respond(request, response)).listen(
      0,
      '127.0.0.1',
    );
    await once(backend, 'listening');
    const { port } = backend.address() as AddressInfo;
    service = await startService({
      ACCESS_MODE: 'http',
      ACCESS_HTTP_URL: `http://127.0.0.1:${port}/access`,
      ACCESS_HTTP_SECRET: 'backend-secret-0123456789-0123456789',
    });
  });
  afterAll(async () => {
    await service.stop();
    backend.closeAllConnections();
    backend.close();
  });

  it.each<[string, RequestListener]>([
    ['hangs', () => {}],
    ['answers 500', (_request, response) => response.writeHead(500).end()],
    ['answers garbage', (_request, response) => response.end('<html>')],
    ['redirects', (_request, response) => response.writeHead(302, { location: '/other' }).end()],
    ['answers without end', (_request, response) => void response.end('x'.repeat(10_000_000))],
  ])('that %s fails closed in time, and recovers by itself', async (_name, listener) => {
    respond = listener;
    await expectOutage(service);
    const fast = await post(service.origin);
    expect(fast.ms).toBeLessThan(100);
    respond = (_request, response) => response.end('{"allow":true}');
    await expectRecovery(service, 7_000);
  });
});

describeWith('redis-server', 'three replicas with one Redis', () => {
  const LIMIT = 50;
  let redis: ChildProcess;
  let redisPort: number;
  let replicas: Service[];
  const startRedis = () =>
    startProgram(
      'redis-server',
      ['--port', String(redisPort), '--save', '', '--bind', '127.0.0.1'],
      redisPort,
    );

  beforeAll(async () => {
    redisPort = await freePort();
    redis = await startRedis();
    const variables = {
      REDIS_URL: `redis://127.0.0.1:${redisPort}`,
      RATE_LIMIT_PER_USER: String(LIMIT),
    };
    replicas = await Promise.all([1, 2, 3].map(() => startService(variables)));
    for (const replica of replicas) await post(replica.origin, 'no credential at all');
  });
  afterAll(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    await stopProgram(redis, 'SIGKILL');
  });

  const ask = async (times: number, user: string): Promise<Answer[]> => {
    const credential = await signFreshJwt({ sub: user });
    return Promise.all(
      Array.from({ length: times }, (_, index) =>
        post(replicas[index % 3]?.origin ?? '', credential),
      ),
    );
  };
  const passed = (answers: Answer[]) => answers.filter(({ status }) => status !== 429).length;

  it('let exactly as many requests of a user pass as the limit says', async () => {
    expect(passed(await ask(3 * LIMIT, 'counted'))).toBe(LIMIT);
  });

  it('go on when Redis stalls, each with limits of its own, in 300 ms', async () => {
    redis.kill('SIGSTOP');
    onTestFinished(() => void redis.kill('SIGCONT'));
    const answers = await ask(12, 'stalled');
    expect(passed(answers)).toBe(12);
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(500);
    expect(
      await replicas[0]?.line(({ msg }) => String(msg).startsWith('Redis unreachable')),
    ).toBeTruthy();
    const metrics = await (await fetch(`${replicas[0]?.internal}/metrics`)).text();
    expect(metrics).toContain('\nrate_limit_shared 0\n');
  });

  it('share their limits again within 5 s of the return of Redis', async () => {
    await stopProgram(redis, 'SIGKILL');
    expect(passed(await ask(3, 'killed'))).toBe(3);
    redis = await startRedis();
    const shared = async () => {
      await ask(3, 'probe');
      const pages = await Promise.all(
        replicas.map(async ({ internal }) => (await fetch(`${internal}/metrics`)).text()),
      );
      return pages.every((page) => page.includes('\nrate_limit_shared 1\n'));
    };
    await expect.poll(shared, { timeout: 5_000, interval: 200 }).toBe(true);
    expect(passed(await ask(3 * LIMIT, 'counted-again'))).toBe(LIMIT);
  });
});
