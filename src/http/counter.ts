import { LRUCache } from 'lru-cache';

/** How often in this window, the last time included, and the milliseconds that it still lasts. */
export type Count = { count: number; ttlMs: number };

/** Counts events by key in fixed windows. */
export type Counter = {
  increment(key: string, windowMs: number): Count | Promise<Count>;
};

const MAX_KEYS = 100_000;

type Window = { count: number; endsAt: number };

/** A counter of this process. `clock` is monotonic milliseconds: a wall clock set back locks nobody out. */
export function createMemoryCounter(clock = () => performance.now()): Counter {
  const windows = new LRUCache<string, Window>({ max: MAX_KEYS });
  return {
    increment(key, windowMs) {
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
