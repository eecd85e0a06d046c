import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli } from '../support/cli.ts';
import { limitMemory, type MemoryLimit, residentMegabytes } from '../support/memory-limit.ts';
import { type Service, startService } from '../support/service.ts';

const KEY = 'drill-admin-key-0123456789-0123456789';
const IMPORT_BYTES = 400_000_000;
const LIMIT_BYTES = 384 * 1024 * 1024;

let limit: MemoryLimit | undefined;
let service: Service;

beforeEach(async () => {
  limit = limitMemory(`zego-video-token-${process.pid}`, LIMIT_BYTES);
  const variables = {
    NODE_ENV: 'production',
    NODE_OPTIONS: '--max-semi-space-size=8',
    MALLOC_TRIM_THRESHOLD_: '131072',
    ADMIN_API_KEY: KEY,
  };
  service = await startService(variables, limit);
});
afterEach(async () => {
  await service.stop();
  limit?.remove();
});

/** An import that has begun. */
function begin(): ClientRequest {
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/x-ndjson' };
  return request(`${service.internal}/directory/import`, { method: 'POST', headers });
}

async function send(lines: Iterable<string>) {
  const sent = begin();
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  await Promise.all([pipeline(Readable.from(lines), sent), answered]);
  const [response] = await answered;
  return { status: response.statusCode, body: await json(response) };
}

/** Films whose titles are long, a hundred in a piece. */
function* films(bytes: number): Generator<string> {
  const title = 'f'.repeat(450);
  for (let sent = 0, n = 0; sent < bytes; n++) {
    const lines = Array.from({ length: 100 }, (_, at) =>
      JSON.stringify({ type: 'video', id: `film-${n % 50}-${at}`, title }),
    );
    const piece = `${lines.join('\n')}\n`;
    sent += piece.length;
    yield piece;
  }
}

/** One line of almost 16 MiB. */
function longLine(): string {
  const countries = Array.from({ length: 3_350_000 }, () => '"SG"').join(',');
  return `{"type":"video","id":"long","regions":[${countries}]}\n`;
}

/** A line of 8 MiB that takes seconds to write: its members are there. */
function longRoom(): string {
  const ids = Array.from({ length: 500_000 }, (_, n) => `user-${n}`);
  const users = ids.map((id) => `{"type":"user","id":"${id}"}\n`).join('');
  return `${users}${JSON.stringify({ type: 'room', id: 'long', memberIds: ids })}\n`;
}

async function putUser(): Promise<{ status: number; ms: number }> {
  const began = performance.now();
  const response = await fetch(`${service.internal}/directory/users/somebody`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: '{}',
  });
  return { status: response.status, ms: performance.now() - began };
}

describe('an import over HTTP', () => {
  it('of 400 MB takes no more memory than a small one', async () => {
    await send(films(5_000_000));
    const before = residentMegabytes(service.pid);
    const seen: number[] = [];
    const watch = setInterval(() => seen.push(residentMegabytes(service.pid)), 50);
    const began = performance.now();
    const { status } = await send(films(IMPORT_BYTES));
    clearInterval(watch);
    const grown = Math.round(Math.max(...seen) - before);
    console.info({ grown, seconds: Math.round((performance.now() - began) / 1000) });
    expect(status).toBe(200);
    expect(grown).toBeLessThan(40);
  });

  it('of a line of 16 MiB takes at most twice the time that the command takes', async () => {
    const line = longLine();
    const file = join(service.folder, 'long.ndjson');
    writeFileSync(file, line);
    const env = { ACCESS_SQLITE_PATH: join(service.folder, 'other.db') };
    const commandBegan = performance.now();
    expect((await cli(['directory', 'import', file], { env })).code).toBe(0);
    const command = performance.now() - commandBegan;
    const began = performance.now();
    expect((await send([line])).status).toBe(200);
    const http = performance.now() - began;
    console.info({ command, http });
    expect(http).toBeLessThan(2 * command);
  });

  it.each<[string, () => string, number?]>([
    ['in the middle of a line', () => longLine().slice(0, 8_000_000)],
    ['after a long line that is parsed', longLine],
    ['after a long line that is written', longRoom, 6_000],
    ['between lines', () => [...films(5_000_000)].join('')],
  ])(
    'lets others write within a second when its client leaves %s',
    async (_, make, after = 200) => {
      const sent = begin().on('error', () => {});
      await new Promise((written) => sent.write(make(), written));
      await delay(after);
      sent.destroy();
      const { status, ms } = await putUser();
      console.info({ ms });
      expect(status).toBe(200);
      expect(ms).toBeLessThan(1_000);
    },
  );
});
