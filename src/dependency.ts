import CircuitBreaker from 'opossum';

/** While the breaker is open, one question goes through after as long, to try; so often is a probe, too. */
export const BREAKER_PROBE_EVERY_MS = 5_000;

/** The breaker opens when half of at least five questions in 10 s fail. */
const BREAKER = {
  // A question has its own deadline; another one here would leave it running.
  timeout: false,
  resetTimeout: BREAKER_PROBE_EVERY_MS,
  rollingCountTimeout: 10_000,
  errorThresholdPercentage: 50,
  volumeThreshold: 5,
} as const;

/** How a dependency is asked and watched. */
export type DependencyOptions<Question extends unknown[], Answer> = {
  /** Rejects when there is no answer. */
  ask(...question: Question): Promise<Answer> | Answer;
  /** Rejects while the dependency does not answer. */
  probe(): unknown;
  probeEveryMs: number;
  /**
   * With it a circuit breaker stands before `ask`: while it is open every question is rejected at once. True of an
   * error that is about one question, and does not count as a failure of the dependency.
   */
  isClientError?(error: unknown): boolean;
};

/** Something that this service needs and that may not answer. */
export type Dependency<Question extends unknown[], Answer> = {
  /** Asks, and takes the answer or its failure for the health. Rejects as `ask` of the options does. */
  ask(...question: Question): Promise<Answer>;
  /** It answered otherwise than by `ask`. */
  up(): void;
  /** It did not. */
  down(): void;
  /** Whether it answers, as far as is known. */
  healthy(): boolean;
  close(): void;
};

/**
 * Watches a dependency: keeps its health and, where `isClientError` is given, stops asking while it fails. While it
 * is down `probe` asks it every `probeEveryMs`, so that it is known to be back without a request; while it is up no
 * probe is scheduled.
 */
export function watchDependency<Question extends unknown[], Answer>({
  ask,
  probe,
  probeEveryMs,
  isClientError,
}: DependencyOptions<Question, Answer>): Dependency<Question, Answer> {
  const { close, ...health } = createHealth(probe, probeEveryMs);
  const isFailure = (error: unknown) => !isClientError?.(error);
  const breaker =
    isClientError &&
    new CircuitBreaker(async (...question: Question) => ask(...question), {
      ...BREAKER,
      errorFilter: isClientError,
    });
  return {
    ...health,
    async ask(...question) {
      try {
        const answer = await (breaker ? breaker.fire(...question) : ask(...question));
        health.up();
        return answer;
      } catch (error) {
        if (isFailure(error)) health.down();
        throw error;
      }
    },
    close() {
      close();
      breaker?.shutdown();
    },
  };
}

function createHealth(probe: () => unknown, everyMs: number) {
  let healthy = true;
  let timer: NodeJS.Timeout | undefined;
  let isAsking = false;
  let closed = false;
  const schedule = () => {
    if (!closed && !healthy && !isAsking) timer ??= setTimeout(ask, everyMs).unref();
  };
  const ask = async () => {
    timer = undefined;
    isAsking = true;
    try {
      await probe();
      healthy = true;
    } catch {
      // It is asked again.
    }
    isAsking = false;
    schedule();
  };
  return {
    up() {
      healthy = true;
    },
    down() {
      if (!healthy) return;
      healthy = false;
      schedule();
    },
    healthy: () => healthy,
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
