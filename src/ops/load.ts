import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 20;
const SAMPLE_MS = 500;
const MAX_DELAY_MS = 500;

/** Monitors the event-loop delay. */
export type LoadMonitor = {
  /** The maximum delay in the last 500 ms exceeded 500 ms. */
  overloaded(): boolean;
  /** Discards the measurements, for example of the startup. */
  reset(): void;
  close(): void;
};

export function createLoadMonitor(): LoadMonitor {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let delayMs = 0;
  histogram.enable();
  const timer = setInterval(() => {
    // The mean would hide a single long iteration, which delays all requests.
    delayMs = histogram.max / 1e6 - RESOLUTION_MS;
    histogram.reset();
  }, SAMPLE_MS).unref();
  const reset = () => {
    delayMs = 0;
    histogram.reset();
  };
  return {
    reset,
    overloaded: () => delayMs > MAX_DELAY_MS,
    close() {
      clearInterval(timer);
      histogram.disable();
    },
  };
}
