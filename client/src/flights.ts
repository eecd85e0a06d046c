import { unlessAborted } from './wait.ts';

type Flight<T> = { result: Promise<T>; callers: number; controller: AbortController };

/** Joins whoever wants the same at the same time: `fly(key, work, signal)`. */
export type Fly<T> = (
  key: string,
  work: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal | undefined,
) => Promise<T>;

/**
 * One piece of work per key, for any number of callers. A caller who aborts leaves alone; when the
 * last one has left, the work is aborted.
 */
export function createFlights<T>(): Fly<T> {
  const flights = new Map<string, Flight<T>>();
  const leave = (key: string, flight: Flight<T>) => {
    if (flights.get(key) === flight) flights.delete(key);
  };
  const depart = (key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> => {
    const controller = new AbortController();
    const flight = { result: work(controller.signal), callers: 0, controller };
    flights.set(key, flight);
    const land = () => leave(key, flight);
    flight.result.then(land, land);
    return flight;
  };
  return async (key, work, signal) => {
    const flight = flights.get(key) ?? depart(key, work);
    flight.callers += 1;
    try {
      return await unlessAborted(flight.result, signal);
    } finally {
      flight.callers -= 1;
      if (flight.callers === 0) {
        leave(key, flight);
        flight.controller.abort();
      }
    }
  };
}
