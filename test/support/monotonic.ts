import { onTestFinished, vi } from 'vitest';

/** Monotonic time that jumps when a test says so, with timers that fire only then. */
export type JumpingTime = { advance(milliseconds: number): void };

/** Takes the timers and `performance.now` over until the test ends; the network stays real. */
export function jumpingTime(): JumpingTime {
  const { now } = performance;
  let jumped = 0;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const spy = vi.spyOn(performance, 'now');
  spy.mockImplementation(() => now.call(performance) + jumped);
  onTestFinished(() => {
    spy.mockRestore();
    vi.useRealTimers();
  });
  return {
    advance(milliseconds) {
      jumped += milliseconds;
      vi.advanceTimersByTime(milliseconds);
    },
  };
}
