import { type LoadResult, load } from './load.ts';
import type { BenchServer } from './server.ts';

/** What one round of a scenario showed. */
type Round = LoadResult & { cpuMicros: number };

/** A server and what is asked of it. */
export type Scenario = {
  server: BenchServer;
  connections?: number;
  request(index: number): Buffer;
  /** Requests before the first round that are not counted. */
  warmUp?: number;
};

/** The median of the rounds, and the largest distance from it as a share. */
export type Summary = {
  cpuMicros: number;
  perSecond: number;
  p50: number;
  p99: number;
  p999: number;
  spread: number;
};

const MAX_FAILED_SHARE = 0.05;

/** Runs the scenarios in turn, round by round, so that a noisy moment meets all of them. */
export async function measure(
  scenarios: Record<string, Scenario>,
  { rounds, requests }: { rounds: number; requests: number },
): Promise<Record<string, Summary>> {
  const results = Object.fromEntries(Object.keys(scenarios).map((name) => [name, [] as Round[]]));
  const offsets = new Map<string, number>();
  for (const [name, { server, request, connections = 50, warmUp = 4_000 }] of Object.entries(
    scenarios,
  )) {
    await load({ port: server.port, connections, requests: warmUp, request });
    offsets.set(name, warmUp);
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, { server, request, connections = 50 }] of Object.entries(scenarios)) {
      const offset = offsets.get(name) ?? 0;
      const before = server.cpuMicros();
      const result = await load({
        port: server.port,
        connections,
        requests,
        request: (index) => request(offset + index),
      });
      offsets.set(name, offset + requests);
      const cpuMicros = (server.cpuMicros() - before) / requests;
      // A machine that stands still makes the service shed load: a few such answers are no bug.
      if (result.failed > requests * MAX_FAILED_SHARE) {
        throw new Error(`${name}: ${result.failed} answers were not 200`);
      }
      results[name]?.push({ ...result, cpuMicros });
    }
  }
  return Object.fromEntries(Object.entries(results).map(([name, seen]) => [name, summarize(seen)]));
}

function summarize(rounds: Round[]): Summary {
  const median = (pick: (round: Round) => number) => {
    const sorted = rounds.map(pick).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  };
  const cpuMicros = median((round) => round.cpuMicros);
  const furthest = Math.max(...rounds.map((round) => Math.abs(round.cpuMicros - cpuMicros)));
  return {
    cpuMicros,
    perSecond: median((round) => round.perSecond),
    p50: median((round) => round.p50),
    p99: median((round) => round.p99),
    p999: median((round) => round.p999),
    spread: furthest / cpuMicros,
  };
}
