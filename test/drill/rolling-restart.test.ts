import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../support/folder.ts';
import { freePort } from '../support/free-port.ts';
import { startLoad } from '../support/load.ts';
import { describeWith, startProgram, stopProgram } from '../support/program.ts';
import { writeSample } from '../support/sample.ts';
import { type Service, startService } from '../support/service.ts';

const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url));
const DELAY_MS = 2_500;

/** How a load balancer is started from the file in deploy/ that a team would begin with. */
const BALANCERS = [
  {
    program: 'haproxy',
    file: 'haproxy/haproxy.cfg',
    args: (path: string) => ['-f', path, '-db'],
    adapt: (text: string) => text,
  },
  {
    program: 'nginx',
    file: 'nginx/nginx.conf',
    args: (path: string) => ['-c', path, '-e', 'stderr', '-g', 'daemon off;'],
    adapt: (text: string, folder: string) =>
      `pid ${folder}/pid;\n${withoutRootPaths(text, folder)}`,
  },
];

/** nginx keeps its temporary files where only root may write, unless it is told another place. */
function withoutRootPaths(text: string, folder: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const paths = kinds.map((kind) => `  ${kind}_temp_path ${folder}/${kind};`);
  return text.replace('http {', `http {\n  access_log off;\n${paths.join('\n')}`);
}

for (const { program, file, args, adapt } of BALANCERS) {
  describeWith(program, `three replicas behind ${program} with deploy/${file}`, () => {
    const folder = temporaryFolder();
    const replicas: Service[] = [];
    let variables: Record<string, string>;
    let balancer: ChildProcess;
    let origin: string;

    beforeAll(async () => {
      variables = {
        ACCESS_SQLITE_PATH: await writeSample(folder.path),
        SHUTDOWN_DELAY_MS: String(DELAY_MS),
        TRUST_PROXY: '127.0.0.1',
      };
      const ports = [await freePort(), await freePort(), await freePort()];
      for (const port of ports)
        replicas.push(await startService({ ...variables, PORT: String(port) }));
      const publicPort = await freePort();
      const path = join(folder.path, 'balancer.conf');
      let text = adapt(readFileSync(join(DEPLOY, file), 'utf8'), folder.path);
      for (const [index, port] of ports.entries()) {
        text = text.replaceAll(`replica${index + 1}:8080`, `127.0.0.1:${port}`);
      }
      text = text
        .replace(/(bind :|listen )8000/, `$1${publicPort}`)
        .replace('bind :', 'bind 127.0.0.1:');
      writeFileSync(path, text);
      balancer = await startProgram(program, args(path), publicPort);
      origin = `http://127.0.0.1:${publicPort}`;
    });
    afterAll(async () => {
      await stopProgram(balancer, 'SIGKILL');
      await Promise.all(replicas.map((replica) => replica.stop()));
      folder.remove();
    });

    it('a rolling restart under load fails no request, and each replica exits 0 in time', async () => {
      const load = await startLoad(origin);
      for (const [index, replica] of replicas.entries()) {
        const started = performance.now();
        replica.kill('SIGTERM');
        // A second one, as orchestrators and terminals send it.
        replica.kill('SIGTERM');
        expect(await replica.exited).toEqual({ code: 0, signal: null });
        expect(performance.now() - started).toBeLessThan(DELAY_MS + 10_000);
        await replica.stop();
        replicas[index] = await startService({ ...variables, PORT: String(replica.port) });
        await passing(replicas[index], 20);
      }
      const { seen } = await load.stop();
      expect([...seen.keys()]).toEqual(['200']);
      expect(seen.get('200')).toBeGreaterThan(1_000);
    });

    it('a killed replica loses no more than what was in flight, and the others go on', async () => {
      const load = await startLoad(origin);
      const [first, second] = replicas;
      if (!first || !second) throw new Error('there are three replicas');
      await passing(first, 20);
      first.kill('SIGKILL');
      await passing(second, 200);
      const { seen } = await load.stop();
      const failed = [...seen].filter(([status]) => status !== '200');
      const lost = failed.reduce((sum, [, count]) => sum + count, 0);
      expect(lost).toBeLessThanOrEqual(20);
    });
  });
}

/** Resolves when a replica has decided so many more requests. */
async function passing(replica: Service | undefined, requests: number): Promise<void> {
  if (!replica) return;
  const before = replica.decisions().length;
  while (replica.decisions().length < before + requests) {
    const last = replica.decisions().length;
    await expect.poll(() => replica.decisions().length, { timeout: 15_000 }).toBeGreaterThan(last);
  }
}
