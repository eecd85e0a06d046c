import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { createInternalApp } from '../../src/admin/app.ts';
import { adminKey } from '../../src/config/admin-keys.ts';
import type { Database, Session } from '../../src/directory/database.ts';
import { createStore } from '../../src/directory/store.ts';
import { ServiceError } from '../../src/errors.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { adminOptions } from '../support/admin.ts';
import { NOW } from '../support/clock.ts';

const KEY = 'admin-key-0123456789-0123456789-01';
const HEADERS = { authorization: `Bearer ${KEY}`, 'x-request-id': 'of-this-request' };

type Failing = { database?: Partial<Database>; explain?: () => Promise<never> };

/** An internal listener over a database that fails, and the lines that it logs. */
async function open({ database = {}, explain }: Failing) {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({ write: (line) => void lines.push(JSON.parse(line)) }, 'warn');
  const failing = { ...database } as Database;
  const app = await createInternalApp({
    logger,
    metrics: createMetrics('sqlite').registry,
    directory: {
      database: failing,
      store: createStore(failing),
      service: explain ? { explain } : {},
      countryOf: () => undefined,
      now: () => NOW,
    },
    admin: adminOptions(() => [adminKey('admin', KEY, 'write')]),
    draining: () => false,
    publicListener: () => ({ port: 0, corsOrigins: [] }),
  });
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => app.close());
  return { lines, get: (path: string) => fetch(`${origin}${path}`, { headers: HEADERS }) };
}

const unavailable = (code: string) =>
  new ServiceError('dependency_unavailable', {
    cause: Object.assign(new Error('secret words of a driver'), { code }),
  });
const EXPLAIN = '/directory/explain?userId=u&roomId=r&videoId=v';

it('a database that does not answer is one line, with code, words and request id', async () => {
  const { lines, get } = await open({
    explain: async () => {
      throw unavailable('ECONNREFUSED');
    },
  });
  expect((await get(EXPLAIN)).status).toBe(503);
  expect(lines).toEqual([
    {
      level: 'error',
      time: expect.any(String),
      code: 'dependency_unavailable',
      reason: 'ECONNREFUSED',
      problem: expect.stringMatching(/connection refused/),
      requestId: 'of-this-request',
      msg: 'request failed',
    },
  ]);
  expect(JSON.stringify(lines)).not.toContain('secret words');
});

it('a bug is one line, with where it is', async () => {
  const { lines, get } = await open({
    explain: async () => {
      throw new TypeError('secret words');
    },
  });
  expect((await get(EXPLAIN)).status).toBe(500);
  expect(lines).toMatchObject([
    { level: 'error', msg: 'internal error', requestId: 'of-this-request' },
  ]);
});

it('an export that fails behind its head is one line', async () => {
  let asked = 0;
  const session = {
    parameter: () => '?1',
    list: () => '',
    async query() {
      asked++;
      if (asked > 1) throw unavailable('ECONNRESET');
      return Array.from({ length: 1_000 }, (_, i) => ({ id: `u${i}`, status: 'active' }));
    },
  } as unknown as Session;
  const snapshot = async () => ({ ...session, close: async () => {} });
  const { lines, get } = await open({ database: { snapshot } });
  const response = await get('/directory/export');
  expect(response.status).toBe(200);
  await expect(text(response.body as never)).rejects.toThrow();
  expect(lines).toMatchObject([
    {
      level: 'error',
      msg: 'request failed',
      code: 'dependency_unavailable',
      reason: 'ECONNRESET',
      requestId: 'of-this-request',
    },
  ]);
});

it('a refusal is no failure', async () => {
  const { lines, get } = await open({});
  expect((await get('/directory/explain')).status).toBe(400);
  expect((await get('/nowhere')).status).toBe(404);
  expect(lines).toEqual([]);
});
