import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createDependencyHealth } from '../src/dependency-health.ts';

const EVERY_MS = 1_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('asks a dependency that is down again and again until it answers, and not after that', async () => {
  const probe = vi.fn().mockRejectedValueOnce('down').mockResolvedValueOnce('up');
  const { down, healthy } = createDependencyHealth(probe, EVERY_MS);
  down();
  await vi.advanceTimersByTimeAsync(EVERY_MS);
  expect([probe.mock.calls.length, healthy()]).toEqual([1, false]);
  await vi.advanceTimersByTimeAsync(10 * EVERY_MS);
  expect([probe.mock.calls.length, healthy()]).toEqual([2, true]);
});

it('asks a dependency once at a time, also one that comes and goes while it is asked', async () => {
  const first = Promise.withResolvers<void>();
  const probe = vi.fn(() => Promise.reject('down')).mockReturnValueOnce(first.promise as never);
  const { up, down } = createDependencyHealth(probe, EVERY_MS);
  down();
  await vi.advanceTimersByTimeAsync(EVERY_MS);
  up();
  down();
  first.reject('down');
  await vi.advanceTimersByTimeAsync(10 * EVERY_MS);
  expect(probe).toHaveBeenCalledTimes(11);
});

it('asks nobody after it was closed', async () => {
  const probe = vi.fn(() => Promise.reject('down'));
  const { down, close } = createDependencyHealth(probe, EVERY_MS);
  down();
  close();
  await vi.advanceTimersByTimeAsync(10 * EVERY_MS);
  expect(probe).not.toHaveBeenCalled();
});
