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
