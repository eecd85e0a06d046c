/** Whether a dependency answers, as far as is known. */
export type DependencyHealth = {
  /** It answered. */
  up(): void;
  /** It did not: it is asked again until it answers. */
  down(): void;
  healthy(): boolean;
  close(): void;
};

/**
 * Keeps the health of a dependency. While it is down `probe` asks it every `everyMs`, so that it is known to be
 * back without a request; while it is up no probe is scheduled.
 *
 * @param probe rejects while the dependency does not answer
 */
export function createDependencyHealth(probe: () => unknown, everyMs: number): DependencyHealth {
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
