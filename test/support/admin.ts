import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type AdminOptions, createInternalApp } from '../../src/admin/app.ts';
import { createRecentDecisions } from '../../src/admin/decisions.ts';
import type { AdminKey } from '../../src/config/admin-keys.ts';
import { createStore } from '../../src/directory/store.ts';
import { openAccess } from '../../src/open-access.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { SERVER_SECRET } from './app.ts';
import { NOW } from './clock.ts';
import { temporaryFolder } from './folder.ts';

/** The internal listener on loopback over a new directory, until the test ends. */
export async function openInternal(admin: AdminOptions | undefined) {
  const folder = temporaryFolder();
  const { service, database } = await openAccess({
    mode: 'sqlite',
    path: join(folder.path, 'access.db'),
  });
  const lines: string[] = [];
  const app = await createInternalApp({
    logger: createLogger({ write: (line: string) => void lines.push(line) }, 'trace'),
    metrics: createMetrics('sqlite').registry,
    directory: database && {
      database,
      store: createStore(database),
      service,
      countryOf: () => undefined,
      now: () => NOW,
    },
    admin,
    draining: () => false,
    publicListener: () => ({ port: 0, corsOrigins: [] }),
  });
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    admin?.decisions.end();
    await app.close();
    await service.close();
    folder.remove();
  });
  return { origin, port: Number(URL.parse(origin)?.port), lines };
}

/** What stands behind these keys, for a listener without proxies. */
export function adminOptions(
  keys: () => readonly AdminKey[],
  more: Partial<AdminOptions> = {},
): AdminOptions {
  return {
    keys,
    secret: () => SERVER_SECRET,
    hosts: [],
    trustProxy: [],
    decisions: createRecentDecisions('replica-1', () => NOW * 1000),
    tokenTtlSeconds: 3_600,
    now: () => NOW,
    ...more,
  };
}
