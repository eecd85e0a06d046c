import { spawnSync } from 'node:child_process';
import { runNode } from './load-node.ts';
import { createWrk } from './load-wrk.ts';

/** One measurement: requests for so many seconds over so many keep-alive connections, one at a time on each. */
export type LoadOptions = {
  port: number;
  connections: number;
  seconds: number;
  /** Sent in their order, again and again. */
  requests: readonly Buffer[];
  /** The number of the first one. */
  offset: number;
};

/** What was seen. Latencies in milliseconds. */
export type LoadResult = {
  sent: number;
  perSecond: number;
  p50: number;
  p99: number;
  p999: number;
  /** Answers that were not 200, and requests without an answer. */
  failed: number;
};

export type Loader = {
  name: string;
  run(options: LoadOptions): Promise<LoadResult>;
};

/** wrk where it is installed: a load in Node.js costs more than some of the servers, and slows them down. */
export function createLoader(folder: string): Loader {
  if (spawnSync('wrk', ['-v']).error) return { name: 'a load in Node.js', run: runNode };
  return { name: 'wrk', run: createWrk(folder) };
}
