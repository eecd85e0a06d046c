import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client';
import { printable } from '../messages/printable.ts';
import { VERSION } from '../version.ts';

/** In seconds, from a cache hit to the longest timeout. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64];

export type Metrics = ReturnType<typeof createMetrics>;

/** Creates the metrics in a separate registry. */
export function createMetrics(accessMode: string) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter<Label>({ name, help, labelNames, registers });
  const histogram = (name: string, help: string) =>
    new Histogram({ name, help, buckets: BUCKETS, registers });

  const decisions = counter(
    'video_token_decisions_total',
    'Requests for a token by their outcome.',
    ['outcome', 'code'],
  );
  const duration = histogram('video_token_duration_seconds', 'From request to answer.');
  const verify = histogram('auth_verify_duration_seconds', 'Verifying a JWT that was not cached.');
  const cache = counter('auth_cache_total', 'Look-ups of verified JWTs.', ['result']);
  const jwks = counter('jwks_fetch_total', 'Fetches of key sets.', ['issuer', 'result']);
  const limited = counter('rate_limited_total', 'Requests refused by a rate limit.', ['scope']);
  const cors = counter('cors_refused_total', 'Requests from disallowed origins.', []);
  const shared = new Gauge({
    name: 'rate_limit_shared',
    help: '1 when replicas share their rate limits, 0 when each counts for itself.',
    registers,
  });
  addBuildInfo(registry);

  return {
    registry,
    decided(outcome: string, code: string, seconds: number) {
      decisions.inc({ outcome, code });
      duration.observe(seconds);
    },
    ...createEntryMetrics(registry),
    ...createAccessMetrics(registry, accessMode),
    auth: {
      cache: (result: 'hit' | 'miss') => cache.inc({ result }),
      verified: (seconds: number) => verify.observe(seconds),
      jwksFetched: (issuer: string, result: 'ok' | 'error') =>
        jwks.inc({ issuer: printable(issuer), result }),
    },
    ...createGauges(registry),
    rateLimited: (scope: 'ip' | 'user') => limited.inc({ scope }),
    corsRefused: () => cors.inc(),
    ...createProcessCounters(registry),
    rateLimitShared: (isShared: boolean) => shared.set(isShared ? 1 : 0),
  };
}

function createEntryMetrics(registry: Registry) {
  return {
    /** Counts the decisions of other kinds of tokens; without a call they have no metric. */
    entryTokens() {
      const counters = new Map(
        (['room_token', 'basic_token'] as const).map((event) => {
          const name = `${event}_decisions_total`;
          const help = `Requests for a ${event.replace('_', ' ')} by their outcome.`;
          const labelNames = ['outcome', 'code'];
          return [event, new Counter({ name, help, labelNames, registers: [registry] })];
        }),
      );
      return (event: 'room_token' | 'basic_token', outcome: string, code: string) =>
        counters.get(event)?.inc({ outcome, code });
    },
  };
}

/** What happens to the process, and not in a request. */
function createProcessCounters(registry: Registry) {
  const registers = [registry];
  const clientErrors = new Counter({
    name: 'client_errors_total',
    help: 'Bytes on a connection that are not a request, by kind.',
    labelNames: ['kind'],
    registers,
  });
  const reloads = new Counter({
    name: 'reload_total',
    help: 'Reloads of secrets and keys.',
    labelNames: ['result'],
    registers,
  });
  // An alert on an increase does not see the first one of a series that begins with it.
  for (const result of ['ok', 'error']) reloads.inc({ result }, 0);
  const changes = new Counter({
    name: 'directory_changes_total',
    help: 'Changes of the directory by the name of the admin key; an import is one.',
    labelNames: ['actor'],
    registers,
  });
  return {
    directoryChanged: (actor: string) => changes.inc({ actor }),
    clientError: (kind: string) => clientErrors.inc({ kind }),
    reloaded: (result: 'ok' | 'error') => reloads.inc({ result }),
  };
}

function createAccessMetrics(registry: Registry, mode: string) {
  const registers = [registry];
  const access = new Histogram({
    name: 'access_check_duration_seconds',
    help: 'Duration of an access check, including its batch.',
    labelNames: ['mode'],
    buckets: BUCKETS,
    registers,
  }).labels(mode);
  const batch = new Histogram({
    name: 'postgres_batch_size',
    help: 'Requests answered by one PostgreSQL query.',
    buckets: BATCH_BUCKETS,
    registers: mode === 'postgres' ? registers : [],
  });
  return {
    accessChecked: (seconds: number) => access.observe(seconds),
    postgresBatch: (size: number) => batch.observe(size),
  };
}

/** Gauges that are read at each scrape. */
function createGauges(registry: Registry) {
  const gauge = (name: string, help: string) => (read: () => number) => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  return {
    openRequests: gauge('open_requests', 'Requests that wait for their decision.'),
    auditWaitingBytes: gauge('audit_waiting_bytes', 'Log lines that wait for standard output.'),
    dependencyUp(read: () => Record<string, boolean>) {
      new Gauge({
        name: 'dependency_up',
        help: '1 while the dependency answers, as in /readyz.',
        labelNames: ['dependency'],
        registers: [registry],
        collect() {
          for (const [dependency, up] of Object.entries(read())) {
            this.set({ dependency }, up ? 1 : 0);
          }
        },
      });
    },
  };
}

function addBuildInfo(registry: Registry): void {
  new Gauge({
    name: 'build_info',
    help: '1, with the version of the program and of Node.js.',
    labelNames: ['version', 'nodejs'],
    registers: [registry],
  }).set({ version: VERSION, nodejs: process.version }, 1);
}
