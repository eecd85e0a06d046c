import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../support/folder.ts';
import { freePort } from '../support/free-port.ts';
import { post } from '../support/post.ts';
import { describeWith, startProgram, stopProgram } from '../support/program.ts';
import { startService } from '../support/service.ts';

const folder = temporaryFolder();
const started: ChildProcess[] = [];
afterAll(async () => {
  for (const child of started) await stopProgram(child, 'SIGKILL');
  folder.remove();
});

async function start(program: string, args: string[], port: number): Promise<ChildProcess> {
  const child = await startProgram(program, args, port);
  started.push(child);
  return child;
}

async function startRedis(...more: string[]) {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder.path];
  return { port, child: await start('redis-server', [...args, ...more], port) };
}

/** HAProxy that sends connections to the Redis which says that it is the primary (docs/deployment.md, "Redis"). */
async function startBalancer(ports: readonly number[]): Promise<number> {
  const port = await freePort();
  const path = join(folder.path, 'haproxy.cfg');
  const servers = ports.map(
    (one, n) => `  server redis${n} 127.0.0.1:${one} check inter 500ms fall 1 rise 1`,
  );
  writeFileSync(
    path,
    `defaults
  mode tcp
  timeout connect 1s
  timeout client 1h
  timeout server 1h
listen redis
  bind 127.0.0.1:${port}
  option tcp-check
  tcp-check send "info replication\\r\\n"
  tcp-check expect string role:master
${servers.join('\n')}
`,
  );
  await start('haproxy', ['-f', path, '-db'], port);
  return port;
}

async function command(port: number, ...words: [string, ...string[]]): Promise<string> {
  const redis = new Redis(port);
  return redis
    .call(...words)
    .then(String)
    .finally(() => redis.disconnect());
}

describeWith('haproxy', 'a failover of Redis behind HAProxy', () => {
  describeWith('redis-server', 'with a primary and its replica', () => {
    it.each(['the primary becomes a replica', 'the primary is killed'])(
      'has limits shared again within 5 s: %s',
      async (what) => {
        const first = await startRedis('--repl-diskless-sync-delay', '0');
        const second = await startRedis('--replicaof', `127.0.0.1 ${first.port}`);
        await expect
          .poll(() => command(second.port, 'INFO', 'replication'), { timeout: 15_000 })
          .toContain('master_link_status:up');
        const port = await startBalancer([first.port, second.port]);
        const variables = { REDIS_URL: `redis://127.0.0.1:${port}`, RATE_LIMIT_PER_USER: '1000' };
        const services = [await startService(variables), await startService(variables)];
        for (const { stop } of services) onTestFinished(stop);
        const isShared = async () => {
          const all = await Promise.all(
            services.map(async ({ internal, origin }) => {
              await post(origin);
              return /^rate_limit_shared 1$/m.test(
                await (await fetch(`${internal}/metrics`)).text(),
              );
            }),
          );
          return all.every(Boolean);
        };
        await expect.poll(isShared, { timeout: 10_000 }).toBe(true);

        if (what === 'the primary is killed') await stopProgram(first.child, 'SIGKILL');
        await command(second.port, 'REPLICAOF', 'NO', 'ONE');
        if (what !== 'the primary is killed') {
          await command(first.port, 'REPLICAOF', '127.0.0.1', String(second.port));
        }
        const counted = () => command(second.port, 'DBSIZE');
        const before = performance.now();
        for (const { origin } of services) expect((await post(origin)).status).toBe(200);
        await expect.poll(isShared, { timeout: 10_000, interval: 50 }).toBe(true);
        expect(performance.now() - before).toBeLessThan(5_000);
        expect(Number(await counted())).toBeGreaterThan(0);
      },
    );
  });
});
