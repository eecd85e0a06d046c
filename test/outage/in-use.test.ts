import { renameSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { post } from '../support/post.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { describeWith, startProgram, stopProgram } from '../support/program.ts';
import { type Service, startService, type Variables } from '../support/service.ts';

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

/** @param finished of a test that runs beside others */
async function started(variables: Variables, finished = onTestFinished): Promise<Service> {
  const service = await startService(variables);
  finished(service.stop);
  return service;
}

/** Waits until `/readyz` says so of a dependency; asks for nothing else. */
async function readiness(service: Service, name: string, state: 'up' | 'down'): Promise<void> {
  for (;;) {
    const { dependencies } = (await (await fetch(`${service.origin}/readyz`)).json()) as {
      dependencies: Record<string, string>;
    };
    if (dependencies[name] === state) return;
    await delay(20);
  }
}

async function metricsOf({ internal }: Service): Promise<string> {
  return (await fetch(`${internal}/metrics`)).text();
}

describe('a database that fails in use', () => {
  it('has its reason in the log, and is found to be back without a request', async () => {
    const url = await postgres.createDatabase('in_use');
    const service = await started({ ACCESS_MODE: 'postgres', DATABASE_URL: url });
    expect((await post(service.origin)).code).toBe('user_not_allowed');

    await postgres.signal('SIGSTOP');
    expect((await post(service.origin)).status).toBe(503);
    const slow = await service.line(({ code }) => code === 'dependency_unavailable');
    expect(slow.reason).toMatch(/^(QUERY_TIMEOUT|CONNECT_TIMEOUT|DEADLINE)$/);
    await postgres.signal('SIGCONT');
    await readiness(service, 'access', 'up');

    await postgres.signal('SIGKILL');
    expect((await post(service.origin)).status).toBe(503);
    const down = await service.line(
      ({ code, reason }) => code === 'dependency_unavailable' && reason !== slow.reason,
    );
    expect(down.reason).toMatch(/^(ECONNREFUSED|ECONNRESET|CONNECTION_LOST|57P0\d)$/);
    await readiness(service, 'access', 'down');
    await postgres.start();
    await readiness(service, 'access', 'up');
  });
});

describe('a SQLite file that fails in use', () => {
  it('is named when it is removed, makes the replica unready, and is opened again', async () => {
    const service = await started({});
    const path = join(service.folder, 'access.db');
    expect((await post(service.origin)).status).toBe(200);
    renameSync(path, `${path}.away`);
    expect(await service.line(({ msg }) => msg === 'database file is gone')).toMatchObject({
      level: 'error',
      reason: 'FILE_GONE',
    });
    expect((await fetch(`${service.origin}/readyz`)).status).toBe(503);
    expect((await post(service.origin)).code).toBe('dependency_unavailable');
    const { reason } = await service.line(({ code }) => code === 'dependency_unavailable');
    expect(reason).toBe('FILE_GONE');
    renameSync(`${path}.away`, path);
    await service.line(({ msg }) => msg === 'database file was replaced, and is open again');
    expect((await fetch(`${service.origin}/readyz`)).status).toBe(200);
    expect((await post(service.origin)).status).toBe(200);
  });
});

describe('a backend that fails in use', () => {
  it.concurrent.for<[string, (response: ServerResponse) => void, string]>([
    ['answers 500', (response) => response.writeHead(500).end(), 'STATUS_500'],
    ['answers a page', (response) => response.end('<html>'), 'NOT_JSON'],
    ['answers something else', (response) => response.end('{"ok":true}'), 'WRONG_SHAPE'],
    ['is silent', () => {}, 'TIMEOUT'],
    ['hangs up', (response) => response.destroy(), 'UND_ERR_SOCKET'],
  ])('has its reason in the log, and is found to be back: it %s', async (row, test) => {
    const [, fail, reason] = row;
    let well = false;
    const backend = createServer((_request, response) => {
      if (well) response.end('{"allow":true}');
      else fail(response);
    });
    const port = await freePort();
    backend.listen(port, '127.0.0.1');
    test.onTestFinished(() => void backend.close().closeAllConnections());
    const variables = {
      ACCESS_MODE: 'http',
      ACCESS_HTTP_URL: `http://127.0.0.1:${port}/`,
      ACCESS_HTTP_SECRET: 'backend-secret-0123456789-0123456789',
      ACCESS_HTTP_TIMEOUT_MS: '1000',
    };
    const service = await started(variables, test.onTestFinished);
    expect((await post(service.origin)).code).toBe('dependency_unavailable');
    const failed = await service.line(({ code }) => code === 'dependency_unavailable');
    expect(failed).toMatchObject({ outcome: 'failed', reason });
    await readiness(service, 'access', 'down');
    expect(await metricsOf(service)).toMatch(/^dependency_up\{dependency="access"\} 0$/m);
    well = true;
    await readiness(service, 'access', 'up');
    expect(await metricsOf(service)).toMatch(/^dependency_up\{dependency="access"\} 1$/m);
  });
});

describe('a page of an origin that is not allowed', () => {
  it('is counted, and named in the log once', async () => {
    const service = await started({ CORS_ORIGINS: 'https://app.example' });
    const ask = (origin: string) =>
      fetch(`${service.origin}/video-token`, { method: 'OPTIONS', headers: { origin } });
    await ask('https://app.example');
    await ask(service.origin);
    for (let i = 0; i < 5; i++) await ask('https://other.example');
    for (let i = 0; i < 50; i++) await ask(`https://${i}.example`);
    expect(await metricsOf(service)).toMatch(/^cors_refused_total 55$/m);
    await service.line(({ origin }) => origin === 'https://18.example');
    const lines = service
      .stdout()
      .split('\n')
      .filter((line) => line.includes('CORS_ORIGINS'));
    expect(lines).toHaveLength(20);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'warn',
      origin: 'https://other.example',
    });
  });

  it('is named even where no origin is allowed', async () => {
    const service = await started({});
    await fetch(`${service.origin}/video-token`, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example' },
    });
    await service.line(({ origin }) => origin === 'https://app.example');
  });
});

describeWith('redis-server', 'a Redis that fails in use', () => {
  it('is found to be back without a request', async () => {
    const port = await freePort();
    const redis = () =>
      startProgram(
        'redis-server',
        ['--port', String(port), '--bind', '127.0.0.1', '--save', ''],
        port,
      );
    const service = await started({ REDIS_URL: `redis://127.0.0.1:${port}` });
    await readiness(service, 'redis', 'down');
    const server = await redis();
    onTestFinished(() => stopProgram(server));
    await readiness(service, 'redis', 'up');
  });
});
