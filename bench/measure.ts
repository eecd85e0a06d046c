import type { Loader, LoadResult } from './load.ts';
import type { BenchServer } from './server.ts';

/** What one round of a scenario showed; microseconds of CPU time a request. */
type Round = LoadResult & { cpuMicros: number; otherMicros: number };

/** A server and what is asked of it. */
export type Scenario = {
  server: Pick<BenchServer, 'port' | 'cpuMicros'>;
  requests: readonly Buffer[];
  connections?: number;
  /** CPU time of another program that works for the server, in microseconds so far. */
  otherCpuMicros?(): number;
};

/** The median of the rounds. */
export type Summary = Omit<LoadResult, 'sent' | 'failed'> & {
  cpuMicros: number;
  otherMicros: number;
  /** CPU time as a multiple of that of the first scenario in the same round: the quartiles. */
  ratio: { low: number; median: number; high: number };
};

export type Rounds = { count: number; seconds: number };

const CONNECTIONS = 32;
const MAX_FAILED_SHARE = 0.05;

/** Runs the scenarios in turn, round by round, so that a noisy moment meets all of them. */
export async function measure(
  loader: Loader,
  scenarios: Record<string, Scenario>,
  { count, seconds }: Rounds,
): Promise<Record<string, Summary>> {
  const all = Object.entries(scenarios).map(([name, scenario]) => ({
    name,
    scenario,
    offset: 0,
    rounds: [] as Round[],
  }));
  for (let round = -1; round < count; round++) {
    for (const one of all) {
      const result = await runRound(loader, one.scenario, seconds, one.offset);
      one.offset += result.sent;
      // A machine that stands still makes the service shed load: a few such answers are no bug.
      if (result.failed > result.sent * MAX_FAILED_SHARE) {
        throw new Error(`${one.name}: ${result.failed} of ${result.sent} answers were not 200`);
      }
      // The first round warms everything up.
      if (round >= 0) one.rounds.push(result);
    }
  }
  const base = all[0]?.rounds ?? [];
  return Object.fromEntries(all.map(({ name, rounds }) => [name, summarize(rounds, base)]));
}

async function runRound(
  loader: Loader,
  { server, requests, connections = CONNECTIONS, otherCpuMicros = () => 0 }: Scenario,
  seconds: number,
  offset: number,
): Promise<Round> {
  const cpuBefore = server.cpuMicros();
  const otherBefore = otherCpuMicros();
  const { port } = server;
  const result = await loader.run({ port, connections, seconds, requests, offset });
  return {
    ...result,
    cpuMicros: (server.cpuMicros() - cpuBefore) / result.sent,
    otherMicros: (otherCpuMicros() - otherBefore) / result.sent,
  };
}

function summarize(rounds: readonly Round[], base: readonly Round[]): Summary {
  const ratios = rounds.map(({ cpuMicros }, n) => cpuMicros / (base[n]?.cpuMicros ?? 1));
  const median = (of: keyof Round) =>
    quantile(
      rounds.map((round) => round[of]),
      0.5,
    );
  return {
    ratio: {
      low: quantile(ratios, 0.25),
      median: quantile(ratios, 0.5),
      high: quantile(ratios, 0.75),
    },
    cpuMicros: median('cpuMicros'),
    otherMicros: median('otherMicros'),
    perSecond: median('perSecond'),
    p50: median('p50'),
    p99: median('p99'),
    p999: median('p999'),
  };
}

/** Between two values, in proportion. */
function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const [low = 0, high = low] = sorted.slice(Math.floor(at));
  return low + (high - low) * (at % 1);
}
