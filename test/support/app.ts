import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { createVerifier } from '../../src/auth/verifier.ts';
import { providerSchema } from '../../src/config/identity/provider.ts';
import { createPublicApp, type PublicAppOptions } from '../../src/http/app.ts';
import type { AuditEvent } from '../../src/http/audit.ts';
import { createCountryOf } from '../../src/http/client.ts';
import { createMemoryCounter } from '../../src/http/rate-limit.ts';
import { openAccess } from '../../src/open-access.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { createGenerator } from '../../src/token04/index.ts';
import { NOW } from './clock.ts';
import { temporaryFolder } from './folder.ts';
import { JWT_SECRET } from './jwt.ts';
import { writeSample } from './sample.ts';

export const APP_ID = 1234567890;
export const SERVER_SECRET = 'canary-server-secret-0123456789a';

/** What a test sets apart from the usual. */
export type AppOptions = {
  now?: number;
  perIp?: number;
  perUser?: number;
  trustProxy?: string[];
  corsOrigins?: string[];
  origins?: PublicAppOptions['origins'];
  countryHeader?: string;
  counter?: PublicAppOptions['rateLimits']['counter'];
  lifecycle?: PublicAppOptions['health']['lifecycle'];
  auditBlocked?: PublicAppOptions['health']['auditBlocked'];
  dependencies?: PublicAppOptions['health']['dependencies'];
  overloaded?: PublicAppOptions['overloaded'];
  maxOpenRequests?: number;
  /** Replaces parts of the route, to see one of them fail. */
  videoToken?: Partial<PublicAppOptions['videoToken']>;
  /** Which other kinds of tokens are issued; none by default. */
  entry?: { room?: boolean; basic?: 'off' | 'on' | 'zim' };
  /** In place of the sample directory. */
  access?: Parameters<typeof openAccess>[0];
  /** Entries beside the sample. */
  more?: readonly object[];
};

/** The public application on a real socket of loopback, with everything that it said. */
export type TestApp = {
  origin: string;
  server: Server;
  port: number;
  decisions: AuditEvent[];
  /** How many requests wait for their decision. */
  openRequests(): number;
  /** Each scope whose bound was passed. */
  limited: string[];
  /** The lines of the log, at every level. */
  log: string[];
};

/** Builds the application over a real SQLite file; closes it when the test ends. */
export async function openApp(
  options: AppOptions = {},
  atEnd: (close: () => Promise<void>) => void = onTestFinished,
): Promise<TestApp> {
  const { trustProxy = [], corsOrigins = [], now = NOW } = options;
  const folder = temporaryFolder();
  const config = options.access ?? {
    mode: 'sqlite' as const,
    path: await writeSample(folder.path, options.more),
  };
  const access = await openAccess(config);
  const seen = { decisions: [] as AuditEvent[], limited: [] as string[], log: [] as string[] };
  let openRequests = () => 0;
  const app = await createPublicApp({
    logger: createLogger({ write: (line) => void seen.log.push(line) }, 'trace'),
    trustProxy,
    corsOrigins,
    ...(options.origins && { origins: options.origins }),
    overloaded: options.overloaded ?? (() => false),
    ...(options.maxOpenRequests !== undefined && { maxOpenRequests: options.maxOpenRequests }),
    onOpenRequests: (count) => {
      openRequests = count;
    },
    health: {
      lifecycle: options.lifecycle ?? (() => 'ready'),
      dependencies: options.dependencies ?? (() => ({ access: access.service.healthy() })),
      ...(options.auditBlocked && { auditBlocked: options.auditBlocked }),
    },
    rateLimits: {
      perIp: options.perIp ?? 1_000_000,
      perUser: options.perUser ?? 1_000_000,
      counter: options.counter ?? createMemoryCounter(),
      onLimited: (scope) => void seen.limited.push(scope),
    },
    videoToken: {
      verify: (await openVerifier()).verify,
      check: access.service.check,
      generate: createGenerator({ appId: APP_ID, secret: SERVER_SECRET, mode: 'cbc' }),
      countryOf: createCountryOf(options.countryHeader, trustProxy),
      ttlSeconds: 3600,
      outlivesSession: false,
      repliesUserId: false,
      strictIds: true,
      now: () => now,
      onAuditEvent: (decision) => void seen.decisions.push(decision),
      ...options.videoToken,
    },
    ...(options.entry && {
      entryTokens: {
        ...{ room: false, basic: 'off', appId: APP_ID },
        checkEntry: access.service.checkEntry,
        ...options.entry,
      },
    }),
  });
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  atEnd(async () => {
    app.server.closeAllConnections();
    await app.close();
    await access.service.close();
    folder.remove();
  });
  const { port } = app.server.address() as AddressInfo;
  return { ...seen, openRequests, origin, port, server: app.server };
}

function openVerifier() {
  const events = { cache() {}, verified() {}, jwksFetched() {}, clockCompared() {} };
  return createVerifier([providerSchema.parse({ secret: JWT_SECRET })], events);
}

/** One app for all tests of a suite that leave nothing behind. */
export function useApp(options: AppOptions = {}): () => TestApp {
  let app: TestApp | undefined;
  const closing: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    app = await openApp(options, (close) => void closing.push(close));
  });
  afterAll(async () => {
    for (const close of closing) await close();
  });
  return () => app as TestApp;
}
