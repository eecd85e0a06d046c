/** The service's clock, in milliseconds, as far as its replies tell. */
export type Clock = {
  now(): number;
  /** What the device's own clock says. */
  device(): number;
  /** Corrects the clock by the `Date` header of a reply to a request sent at `sentAt` (device). */
  learn(date: string | null, sentAt: number): void;
};

// The header has whole seconds: on average the service is half of one further.
const HALF_A_SECOND = 500;

/** A clock that is the device's until a reply says how wrong that one is. */
export function createClock(device: () => number): Clock {
  let offset = 0;
  return {
    now: () => device() + offset,
    device,
    learn(date, sentAt) {
      const served = Date.parse(date ?? '');
      // A page reads this header only where the service lets it.
      if (Number.isNaN(served)) return;
      offset = served + HALF_A_SECOND - (sentAt + device()) / 2;
    },
  };
}
