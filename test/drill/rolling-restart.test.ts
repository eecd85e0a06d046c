import { afterAll, beforeAll, expect, it } from 'vitest';
import { BALANCERS, type Balancer, startBalancer } from '../support/balancer.ts';
import { temporaryFolder } from '../support/folder.ts';
import { freePort } from '../support/free-port.ts';
import { startLoad } from '../support/load.ts';
import { describeWith } from '../support/program.ts';
import { writeSample } from '../support/sample.ts';
import { type Service, startService } from '../support/service.ts';

const DELAY_MS = 2_500;

for (const kind of BALANCERS) {
  const { program, file } = kind;
  describeWith(program, `three replicas behind ${program} with deploy/${file}`, () => {
    const folder = temporaryFolder();
    const replicas: Service[] = [];
    let variables: Record<string, string>;
    let balancer: Balancer;

    beforeAll(async () => {
      variables = {
        ACCESS_SQLITE_PATH: await writeSample(folder.path),
        SHUTDOWN_DELAY_MS: String(DELAY_MS),
        TRUST_PROXY: '127.0.0.1',
      };
      const ports = [await freePort(), await freePort(), await freePort()] as const;
      for (const port of ports)
        replicas.push(await startService({ ...variables, PORT: String(port) }));
      balancer = await startBalancer(kind, ports, folder.path);
    });
    afterAll(async () => {
      await balancer.stop();
      await Promise.all(replicas.map((replica) => replica.stop()));
      folder.remove();
    });

    it('a rolling restart under load fails no request, and each replica exits 0 in time', async () => {
      const load = await startLoad(balancer.origin);
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
      const load = await startLoad(balancer.origin);
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
