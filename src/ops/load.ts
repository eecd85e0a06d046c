import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 20;
const SAMPLE_MS = 500;
const MAX_DELAY_MS = 500;

/** Watches how late the event loop is. */
export type LoadMonitor = {
  /** A turn of the last half second came more than half a second late. */
  overloaded(): boolean;
  /** Forgets what has been measured, such as the start of the process. */
  reset(): void;
  close(): void;
};

export function createLoadMonitor(): LoadMonitor {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let delayMs = 0;
  histogram.enable();
  const timer = setInterval(() => {
    // The mean would hide the one long turn that everybody waited for.
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
