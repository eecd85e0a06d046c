import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { BODY } from '../support/ask.ts';
import { signFreshJwt } from '../support/jwt.ts';
import { expectProblem } from '../support/problem.ts';
import { converse } from '../support/raw-http.ts';
import { type Service, startService, type Variables } from '../support/service.ts';

let service: Service | undefined;

afterEach(async () => {
  await service?.stop();
});

async function start(variables: Variables = {}): Promise<Service> {
  service = await startService(variables);
  return service;
}

type Seen = { status: number; connection: string | undefined };

/** Clients that ask for tokens over connections that they keep, without a pause, until told. */
async function openLoad({ port }: Service, clients: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const headers = {
    authorization: `Bearer ${await signFreshJwt()}`,
    'content-type': 'application/json',
  };
  const seen: Seen[] = [];
  const errors: unknown[] = [];
  let asking = true;
  const post = () =>
    new Promise<Seen>((resolve, reject) => {
      const options = { port, host: '127.0.0.1', agent, method: 'POST', path: '/video-token' };
      const outgoing = request({ ...options, headers }, (response: IncomingMessage) => {
        const { statusCode: status = 0, headers } = response;
        response.resume().once('end', () => resolve({ status, connection: headers.connection }));
      });
      outgoing.once('error', reject).end(JSON.stringify(BODY));
    });
  const client = async () => {
    while (asking) {
      try {
        seen.push(await post());
      } catch (error) {
        errors.push(error);
      }
    }
  };
  const ended = Promise.all(Array.from({ length: clients }, client));
  return {
    seen,
    errors,
    async stop() {
      asking = false;
      await ended;
      agent.destroy();
    },
  };
}

async function readiness({ origin }: Service) {
  const response = await fetch(`${origin}/readyz`);
  return [response.status, ((await response.json()) as { status: string }).status];
}

/** Resolves when nobody accepts connections any more. */
async function refusal({ port }: Service): Promise<void> {
  for (let accepted = true; accepted; ) {
    const socket = connect(port, '127.0.0.1');
    accepted = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
  }
}

it('the service is ready within seconds of its start', async () => {
  const began = performance.now();
  const started = await start();
  expect(await readiness(started)).toEqual([200, 'ready']);
  expect(performance.now() - began).toBeLessThan(5_000);
});

describe('SIGTERM', () => {
  it('makes it unready while it still serves, ends without an error for anybody, exits 0', async () => {
    const started = await start({ SHUTDOWN_DELAY_MS: '1500' });
    const load = await openLoad(started, 8);
    while (load.seen.length < 50) await delay(10);
    const before = performance.now();
    started.kill('SIGTERM');
    await started.line(({ msg }) => msg === 'draining');
    expect(await readiness(started)).toEqual([503, 'draining']);
    // A load balancer goes on for a while, then has noticed and sends its clients elsewhere.
    const fresh = load.seen.length;
    await delay(1_000);
    expect(load.seen.length).toBeGreaterThan(fresh + 50);
    await load.stop();
    const { code, signal } = await started.exited;
    const tookMs = performance.now() - before;
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(tookMs).toBeGreaterThan(1_400);
    expect(tookMs).toBeLessThan(5_000);
    expect(load.errors).toEqual([]);
    expect(new Set(load.seen.map(({ status }) => status))).toEqual(new Set([200]));
    expect(load.seen.at(-1)?.connection).toBe('close');
    expect(started.stderr()).toBe('');
    const last = started.stdout().trim().split('\n').at(-1) ?? '';
    expect(JSON.parse(last)).toMatchObject({ msg: 'stopped' });
  });

  it('lets a request that is in flight finish', async () => {
    const started = await start();
    const headers = {
      authorization: `Bearer ${await signFreshJwt()}`,
      'content-type': 'application/json',
      'content-length': String(JSON.stringify(BODY).length),
    };
    const options = { port: started.port, host: '127.0.0.1', method: 'POST', path: '/video-token' };
    const outgoing = request({ ...options, headers: { ...headers, expect: '100-continue' } });
    const answered = Promise.withResolvers<IncomingMessage>();
    outgoing.once('response', answered.resolve).once('error', answered.reject);
    const continued = Promise.withResolvers<void>();
    outgoing.once('continue', continued.resolve).flushHeaders();
    await continued.promise;
    started.kill('SIGTERM');
    await started.line(({ msg }) => msg === 'draining');
    await refusal(started);
    outgoing.end(JSON.stringify(BODY));
    const response = await answered.promise;
    response.resume();
    expect([response.statusCode, response.headers.connection]).toEqual([200, 'close']);
    expect(await started.exited).toEqual({ code: 0, signal: null });
  });

  it('answers a request of which only half was here', async () => {
    const started = await start();
    const [half, rest] = ['GET /nope HTTP/1.1\r\nHo', 'st: test\r\n\r\n'];
    const connected = Promise.withResolvers<Socket>();
    const answers = converse(started.port, half, connected.resolve);
    const socket = await connected.promise;
    // The half has been read once a later request is answered.
    await readiness(started);
    started.kill('SIGTERM');
    await refusal(started);
    socket.write(rest);
    const [answer] = await answers;
    expectProblem(answer as NonNullable<typeof answer>, 404, 'not_found', 'fix_request');
    expect(answer?.headers.connection).toBe('close');
    expect(await started.exited).toEqual({ code: 0, signal: null });
  });

  it('does not wait for a connection that says nothing', async () => {
    const started = await start();
    await fetch(`${started.origin}/healthz`);
    const ports = [started.port, Number(URL.parse(started.internal)?.port)];
    const silent = ports.map((port) => connect(port, '127.0.0.1').on('error', () => {}));
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    await expectEndInTime(started);
  });

  it('does not wait longer than it may for a request that never ends', async () => {
    const started = await start({ SHUTDOWN_TIMEOUT_MS: '1500' });
    await beginAndFallSilent(`${started.origin}/video-token`, {
      authorization: `Bearer ${await signFreshJwt()}`,
      'content-type': 'application/json',
    });
    await expectEndInTime(started);
  });

  it('does not wait longer than it may for an import that never ends', async () => {
    const key = 'admin-key-0123456789-0123456789-0123';
    const started = await start({ SHUTDOWN_TIMEOUT_MS: '1500', ADMIN_API_KEY: key });
    await beginAndFallSilent(`${started.internal}/directory/import`, {
      authorization: `Bearer ${key}`,
      'content-type': 'application/x-ndjson',
    });
    await expectEndInTime(started);
  });

  it('twice is like once', async () => {
    const started = await start({ SHUTDOWN_DELAY_MS: '400' });
    started.kill('SIGTERM');
    await started.line(({ msg }) => msg === 'draining');
    started.kill('SIGTERM');
    started.kill('SIGINT');
    expect(await readiness(started)).toEqual([503, 'draining']);
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect(started.stdout().match(/"msg":"draining"/g)).toHaveLength(1);
  });
});

it('SIGINT does not wait for a load balancer', async () => {
  const started = await start({ SHUTDOWN_DELAY_MS: '60000' });
  const before = performance.now();
  started.kill('SIGINT');
  expect(await started.exited).toEqual({ code: 0, signal: null });
  expect(performance.now() - before).toBeLessThan(3_000);
});

/** Posts the headers of a request whose body never comes, and resolves when the service waits for it. */
async function beginAndFallSilent(url: string, headers: Record<string, string>): Promise<void> {
  const waiting = { 'content-length': '100', expect: '100-continue' };
  const outgoing = request(url, { method: 'POST', headers: { ...headers, ...waiting } });
  outgoing.on('error', () => {});
  const continued = Promise.withResolvers<void>();
  outgoing.once('continue', continued.resolve).flushHeaders();
  await continued.promise;
}

async function expectEndInTime(started: Service): Promise<void> {
  const before = performance.now();
  started.kill('SIGTERM');
  expect(await started.exited).toEqual({ code: 0, signal: null });
  expect(performance.now() - before).toBeLessThan(3_000);
}
