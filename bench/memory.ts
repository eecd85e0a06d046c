import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../test/support/free-port.ts';
import { limitMemory } from '../test/support/memory-limit.ts';
import { startPostgres } from '../test/support/postgres.ts';
import { writePostgres } from './directory.ts';
import { AUDIENCE, ISSUER } from './requests.ts';
import { SERVICE, startServer } from './server.ts';
import { createSoakLoad } from './soak-load.ts';

/** 100,000 different users in a minute: of ten requests of the load eight are authenticated. */
const SECONDS = 60;
const REQUESTS = 125_000;

const { values } = parseArgs({ options: { megabytes: { type: 'string', default: '384' } } });
const limit = limitMemory(`zego-video-token-${process.pid}`, Number(values.megabytes) * 1024 ** 2);
if (!limit)
  throw new Error('this machine makes no memory limit: run as root where cgroups can be written');

const folder = mkdtempSync(join(tmpdir(), 'memory-'));
const load = createSoakLoad(REQUESTS);
const provider = createServer((_request, response) => response.end(JSON.stringify(load.jwks)));
const postgres = await startPostgres();
try {
  const url = await postgres.createDatabase('memory');
  await writePostgres(url, REQUESTS);
  const listening = Promise.withResolvers<void>();
  provider.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  const service = await startServer({
    ...SERVICE,
    command: [...limit.wrapper, ...SERVICE.command],
    name: 'service',
    port: await freePort(),
    log: join(folder, 'log'),
    env: {
      ...SERVICE.env,
      AUTH_JWKS_URL: `http://127.0.0.1:${(provider.address() as AddressInfo).port}/jwks`,
      AUTH_ISSUER: ISSUER,
      AUTH_AUDIENCE: AUDIENCE,
      ACCESS_MODE: 'postgres',
      DATABASE_URL: url,
      TRUST_PROXY: '127.0.0.1/32',
    },
  });
  const restMegabytes = service.rssMegabytes();
  load.start(service.port, REQUESTS / SECONDS);
  await delay(SECONDS * 1000);
  await load.stop();
  const wrong = [...load.wrong].map(([what, count]) => `${what}: ${count}`);
  const lines = [
    `limit ${values.megabytes} MiB, ${load.sent()} requests of new clients, ${load.verified()} of them authenticated`,
    `MiB: ${restMegabytes.toFixed(0)} at rest, ${service.peakMegabytes().toFixed(0)} at most, ${service.rssMegabytes().toFixed(0)} behind it`,
    `too busy for ${load.shed()}; wrong answers: ${wrong.join(', ') || 'none'}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  await service.stop();
} finally {
  load.close();
  provider.close();
  await postgres.stop();
  limit.remove();
  rmSync(folder, { recursive: true });
}
