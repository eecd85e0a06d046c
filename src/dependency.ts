import CircuitBreaker from 'opossum';

/** How often an open breaker lets one call through, and how often probes run. */
export const BREAKER_PROBE_EVERY_MS = 5_000;

/** The breaker opens when half of at least five calls in 10 s fail. */
const BREAKER = {
  // Calls have their own timeouts; one here would not cancel the call.
  timeout: false,
  resetTimeout: BREAKER_PROBE_EVERY_MS,
  rollingCountTimeout: 10_000,
  errorThresholdPercentage: 50,
  volumeThreshold: 5,
} as const;

export type DependencyOptions<Args extends unknown[], Result> = {
  /** Calls the dependency; rejects on failure. */
  ask(...args: Args): Promise<Result> | Result;
  /** Rejects while the dependency is down. */
  probe(): unknown;
  probeEveryMs: number;
  /**
   * Enables a circuit breaker, which rejects all calls while it is open. Returns true for errors that concern one
   * request and do not count as failures of the dependency.
   */
  isClientError?(error: unknown): boolean;
  /** The same call has failed already in the last 10 s: it counts once while the breaker is closed. */
  hasFailed?(...args: Args): boolean;
};

/** An external dependency with its health. */
export type Dependency<Args extends unknown[], Result> = {
  /** Calls `ask` of the options and updates the health. */
  ask(...args: Args): Promise<Result>;
  /** Marks it as healthy after an answer outside `ask`. */
  up(): void;
  /** Marks it as unhealthy. */
  down(): void;
  /** The last known state. */
  healthy(): boolean;
  close(): void;
};

/**
 * Tracks the health of a dependency, with a circuit breaker if `isClientError` is given. While the dependency is
 * down, calls `probe` every `probeEveryMs` to detect the recovery without a request.
 */
export function watchDependency<Args extends unknown[], Result>({
  ask,
  probe,
  probeEveryMs,
  isClientError,
  hasFailed,
}: DependencyOptions<Args, Result>): Dependency<Args, Result> {
  const { close, ...health } = createHealth(probe, probeEveryMs);
  const isFailure = (error: unknown) => !isClientError?.(error);
  const breaker: CircuitBreaker<Args, Result> | undefined =
    isClientError &&
    new CircuitBreaker(async (...args: Args) => ask(...args), {
      ...BREAKER,
      errorFilter: (error, ...args) =>
        isClientError(error) ||
        (breaker?.closed === true && hasFailed?.(...(args as unknown as Args)) === true),
    });
  return {
    ...health,
    async ask(...args) {
      try {
        const result = await (breaker ? breaker.fire(...args) : ask(...args));
        health.up();
        return result;
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
  let isProbing = false;
  let closed = false;
  const schedule = () => {
    if (!closed && !healthy && !isProbing) timer ??= setTimeout(runProbe, everyMs).unref();
  };
  const runProbe = async () => {
    timer = undefined;
    isProbing = true;
    try {
      await probe();
      healthy = true;
    } catch {
      // The next probe is scheduled below.
    }
    isProbing = false;
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
