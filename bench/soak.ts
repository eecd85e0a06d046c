import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../test/support/free-port.ts';
import { writeSqlite } from './directory.ts';
import { openInspector } from './inspector.ts';
import { AUDIENCE, ISSUER } from './requests.ts';
import { type BenchServer, nodeCommand, SERVICE, startServer } from './server.ts';
import { createSoakLoad, type SoakLoad } from './soak-load.ts';

const USERS = 100_000;
/** The caches of the service: src/auth/verifier.ts, and src/http/rate-limit.ts with two keys a client. */
const CACHED_CREDENTIALS = 20_000;
const COUNTED_CLIENTS = 100_000;
/** While the caches fill, so many times as many requests. */
const FILL_FACTOR = 4;
const MAX_SHED_SHARE = 0.01;
const MAX_MEGABYTES_IN_10_MINUTES = 1;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string', default: '200' },
  },
});
const MINUTES = Number(values.minutes);
const RATE = Number(values.rate);
const print = (line: string) => void process.stdout.write(`${line}\n`);

/** After a collection of garbage; megabytes. */
type Sample = { minute: number; rss: number; heap: number; buffers: number };

const inspectorPort = await freePort();
const folder = mkdtempSync(join(tmpdir(), 'soak-'));
const load = createSoakLoad(USERS);
const provider = createServer((_request, response) => response.end(JSON.stringify(load.jwks)));
let server: BenchServer | undefined;
try {
  server = await start();
  const samples = await soak(server);
  process.exitCode = report(samples) ? 0 : 1;
} finally {
  await load.stop();
  load.close();
  await server?.stop();
  provider.close();
  rmSync(folder, { recursive: true });
}

async function start(): Promise<BenchServer> {
  const listening = Promise.withResolvers<void>();
  provider.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  const { port } = provider.address() as AddressInfo;
  return startServer({
    ...SERVICE,
    name: 'service',
    command: nodeCommand(
      '../src/start.js',
      '--max-semi-space-size=8',
      `--inspect=127.0.0.1:${inspectorPort}`,
    ),
    port: await freePort(),
    log: '/dev/null',
    env: {
      ...SERVICE.env,
      AUTH_JWKS_URL: `http://127.0.0.1:${port}/jwks`,
      AUTH_ISSUER: ISSUER,
      AUTH_AUDIENCE: AUDIENCE,
      ACCESS_SQLITE_PATH: await writeSqlite(folder, USERS),
      TRUST_PROXY: '127.0.0.1/32',
    },
  });
}

/** Loads the service for so many minutes and looks at its memory every minute, in short runs more often. */
async function soak(service: BenchServer): Promise<Sample[]> {
  const inspector = await openInspector(inspectorPort);
  const samples: Sample[] = [];
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 60_000;
  const everyMinutes = Math.min(1, MINUTES / 18);
  let fullAt: number | undefined;
  print(`${MINUTES} minutes, ${RATE} requests a second, ${FILL_FACTOR} times as many at first\n`);
  print('| minute | RSS, MB | heap, MB | buffers, MB | requests | credentials | clients |');
  print('|---|---|---|---|---|---|---|');
  for (let next = everyMinutes; next <= MINUTES + everyMinutes / 2; next += everyMinutes) {
    load.start(service.port, fullAt === undefined ? RATE * FILL_FACTOR : RATE);
    await delay(Math.max(0, (next - elapsed()) * 60_000));
    // A collection stops the process for longer than a request may wait.
    await load.stop();
    const { usedMegabytes: heap, buffersMegabytes: buffers } = await inspector.collectGarbage();
    const sample = { minute: elapsed(), rss: service.rssMegabytes(), heap, buffers };
    samples.push(sample);
    print(row(sample));
    if (isFull(load)) fullAt ??= sample.minute;
  }
  inspector.close();
  const when =
    fullAt === undefined ? 'did not fill' : `were full after ${fullAt.toFixed(1)} minutes`;
  print(`\nThe caches ${when}.`);
  if (fullAt === undefined || fullAt > MINUTES / 3)
    print('Too late for these figures: take more minutes.');
  return samples;
}

function isFull({ verified, counted }: SoakLoad): boolean {
  return verified() >= CACHED_CREDENTIALS && counted() >= COUNTED_CLIENTS;
}

function row({ minute, rss, heap, buffers }: Sample): string {
  const cells = [minute, rss, heap, buffers].map((value) => value.toFixed(2));
  const counts = [load.sent(), load.verified(), load.counted()];
  return `| ${[...cells, ...counts.map((value) => value.toLocaleString('en'))].join(' | ')} |`;
}

/** Whether memory stayed where it was and every answer was right. */
function report(samples: readonly Sample[]): boolean {
  const late = samples.slice(Math.ceil(samples.length / 3));
  const wrong = [...load.wrong.values()].reduce((sum, count) => sum + count, 0);
  const slope = (of: 'rss' | 'heap' | 'buffers') => slopeOf(late, of) * 10;
  print('Over the last two thirds, MB in 10 minutes:');
  for (const what of ['rss', 'heap', 'buffers'] as const)
    print(`${what} ${slope(what).toFixed(2)}`);
  print(`Wrong answers: ${wrong} of ${load.sent()}; too busy for ${load.shed()}`);
  for (const [what, count] of load.wrong) print(`  ${what}: ${count}`);
  const busy = load.shed() > load.sent() * MAX_SHED_SHARE;
  return wrong === 0 && !busy && slope('rss') < MAX_MEGABYTES_IN_10_MINUTES;
}

/** The slope of the line of least squares, a minute. */
function slopeOf(samples: readonly Sample[], of: 'rss' | 'heap' | 'buffers'): number {
  const mean = (pick: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + pick(sample), 0) / samples.length;
  const x = mean(({ minute }) => minute);
  const y = mean((sample) => sample[of]);
  const covariance = mean((sample) => (sample.minute - x) * (sample[of] - y));
  return covariance / mean(({ minute }) => (minute - x) ** 2);
}
