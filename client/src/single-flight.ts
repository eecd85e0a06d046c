import { unlessAborted } from './wait.ts';

/** What one caller brings: how to leave, and what to call with news of the work. */
export type Caller<News> = {
  signal?: AbortSignal | undefined;
  onNews?: ((news: News) => void) | undefined;
};

type Work<T, News> = (signal: AbortSignal, tell: (news: News) => void) => Promise<T>;
type Flight<T, News> = {
  result: Promise<T>;
  callers: Set<Caller<News>>;
  controller: AbortController;
};

/**
 * Shares one piece of work per key between its callers. A caller who aborts leaves alone; when the
 * last one has left, the work is aborted.
 */
export function createSingleFlight<T, News>() {
  const flights = new Map<string, Flight<T, News>>();
  const settle = (key: string, flight: Flight<T, News>) => {
    if (flights.get(key) === flight) flights.delete(key);
  };
  const start = (key: string, work: Work<T, News>): Flight<T, News> => {
    const controller = new AbortController();
    const callers = new Set<Caller<News>>();
    // What a caller throws is reported as its own, and does not end the work of the others.
    const tell = (news: News) => {
      for (const { onNews } of callers) queueMicrotask(() => onNews?.(news));
    };
    const flight = { result: work(controller.signal, tell), callers, controller };
    flights.set(key, flight);
    const settled = () => settle(key, flight);
    flight.result.then(settled, settled);
    return flight;
  };
  return async (key: string, work: Work<T, News>, caller: Caller<News>): Promise<T> => {
    const flight = flights.get(key) ?? start(key, work);
    flight.callers.add(caller);
    try {
      return await unlessAborted(flight.result, caller.signal);
    } finally {
      flight.callers.delete(caller);
      if (flight.callers.size === 0) {
        settle(key, flight);
        flight.controller.abort();
      }
    }
  };
}
