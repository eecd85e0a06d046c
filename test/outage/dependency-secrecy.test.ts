import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { cli } from '../support/cli.ts';
import { freePort } from '../support/free-port.ts';
import { post } from '../support/post.ts';
import { describeWith, startProgram as startRedis, stopProgram } from '../support/program.ts';
import { type Program, startProgram, startService, VARIABLES } from '../support/service.ts';
import { writings } from '../support/writings.ts';

const CANARY = 'canary-dependency-password-94c1d7f2';

/** What the program wrote, and what else a client or an operator could read. */
function expectSilence(program: Program, ...read: string[]) {
  const texts = [program.stdout(), program.stderr(), ...read];
  const found = writings(CANARY).filter((writing) => texts.some((text) => text.includes(writing)));
  expect(found).toEqual([]);
}

async function started(variables: Record<string, string>) {
  const service = await startService({ LOG_LEVEL: 'trace', ...variables });
  onTestFinished(service.stop);
  return service;
}

async function metricsOf({ internal }: { internal: string }) {
  return (await fetch(`${internal}/metrics`)).text();
}

it('the password of a database that is not there is written nowhere', async () => {
  const url = `postgres://user:${CANARY}@127.0.0.1:${await freePort()}/directory`;
  const variables = {
    ...VARIABLES,
    LOG_LEVEL: 'trace',
    ACCESS_MODE: 'postgres',
    DATABASE_URL: url,
  };
  const program = startProgram(variables);
  onTestFinished(program.stop);
  expect((await program.exited).code).toBe(1);
  expect(program.stdout()).toContain('cannot start');
  expectSilence(program);
});

it('the password of a Redis that is not there is written nowhere', async () => {
  const service = await started({ REDIS_URL: `redis://:${CANARY}@127.0.0.1:${await freePort()}` });
  expect((await post(service.origin)).status).toBe(200);
  await service.line(({ msg }) => /Redis unreachable/.test(String(msg)));
  const readiness = await (await fetch(`${service.origin}/readyz`)).text();
  expect(readiness).toContain('"redis":"down"');
  expectSilence(service, readiness, await metricsOf(service));
});

describeWith('redis-server', 'a Redis that refuses', () => {
  it.each([
    ['a wrong password', `:${CANARY}@`, 'WRONGPASS'],
    ['a request without a password', '', 'NOAUTH'],
  ])('%s is named in the log and by the doctor, without it', async (_what, login, reason) => {
    const port = await freePort();
    const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', ''];
    const redis = await startRedis('redis-server', [...flags, '--requirepass', 'right'], port);
    onTestFinished(() => stopProgram(redis));
    const variables = { REDIS_URL: `redis://${login}127.0.0.1:${port}` };
    const service = await started(variables);
    expect((await post(service.origin)).status).toBe(200);
    await service.line(({ msg, reason: code }) => /Redis/.test(String(msg)) && code === reason);
    expectSilence(service, await metricsOf(service));
    const env = { ...VARIABLES, ACCESS_MODE: 'claims', ...variables };
    const { code, stdout, stderr } = await cli(['doctor', '--json'], { env });
    expect([code, stdout]).toEqual([1, expect.stringContaining(reason)]);
    expectSilence(service, stdout, stderr);
  });
});

it.each<[string, RequestListener]>([
  ['refuses it', (_request, response) => response.writeHead(401).end()],
  [
    'says it again',
    ({ headers }, response) => response.writeHead(500).end(JSON.stringify(headers)),
  ],
  ['hangs up', ({ socket }) => socket.destroy()],
  [
    'sends elsewhere',
    ({ headers }, response) =>
      response
        .writeHead(302, { location: `/${encodeURIComponent(String(headers.authorization))}` })
        .end(),
  ],
])('the secret of a backend that %s is written nowhere', async (_what, answer) => {
  let heard = '';
  const backend = createServer((request, response) => {
    heard = String(request.headers.authorization);
    answer(request, response);
  });
  await once(backend.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void backend.close());
  const { port } = backend.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/access`;
  const service = await started({
    ACCESS_MODE: 'http',
    ACCESS_HTTP_URL: url,
    ACCESS_HTTP_SECRET: CANARY,
  });
  const refused = await post(service.origin);
  expect(refused).toMatchObject({ status: 503, code: 'dependency_unavailable' });
  expect(heard).toBe(`Bearer ${CANARY}`);
  expectSilence(service, JSON.stringify(refused), await metricsOf(service));
});
