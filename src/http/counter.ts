import { LRUCache } from 'lru-cache';

/** Counts events by key in fixed windows. */
export type Counter = {
  /** Counts one more; `count` includes it, `ttlMs` is what is left of the window. */
  increment(key: string, windowMs: number): Promise<{ count: number; ttlMs: number }>;
};

const MAX_KEYS = 100_000;

type Window = { count: number; endsAt: number };

/** A counter of this process. `clock` is monotonic milliseconds: a wall clock set back locks nobody out. */
export function createMemoryCounter(clock = () => performance.now()): Counter {
  const windows = new LRUCache<string, Window>({ max: MAX_KEYS });
  return {
    async increment(key, windowMs) {
      const now = clock();
      let window = windows.get(key);
      if (!window || window.endsAt <= now) {
        window = { count: 0, endsAt: now + windowMs };
        windows.set(key, window);
      }
      window.count++;
      return { count: window.count, ttlMs: window.endsAt - now };
    },
  };
}
