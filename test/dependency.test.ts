import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { watchDependency } from '../src/dependency.ts';
import { rejectionOf } from './support/errors.ts';

const EVERY_MS = 1_000;

/** A dependency whose probe is that of the test. */
const watch = (probe: () => unknown) =>
  watchDependency({ ask: () => 'answer', probe, probeEveryMs: EVERY_MS });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('asks a dependency that is down again and again until it answers, and not after that', async () => {
  const probe = vi.fn().mockRejectedValueOnce('down').mockResolvedValueOnce('up');
  const { down, healthy } = watch(probe);
  down();
  await vi.advanceTimersByTimeAsync(EVERY_MS);
  expect([probe.mock.calls.length, healthy()]).toEqual([1, false]);
  await vi.advanceTimersByTimeAsync(10 * EVERY_MS);
  expect([probe.mock.calls.length, healthy()]).toEqual([2, true]);
});

it('asks a dependency once at a time, also one that comes and goes while it is asked', async () => {
  const first = Promise.withResolvers<void>();
  const probe = vi.fn(() => Promise.reject('down')).mockReturnValueOnce(first.promise as never);
  const { up, down } = watch(probe);
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
  const { down, close } = watch(probe);
  down();
  close();
  await vi.advanceTimersByTimeAsync(10 * EVERY_MS);
  expect(probe).not.toHaveBeenCalled();
});

it('takes an answer and a failure for the health of the dependency', async () => {
  const ask = vi.fn(async () => 'answer').mockRejectedValueOnce('down');
  const dependency = watchDependency({ ask, probe() {}, probeEveryMs: EVERY_MS });
  expect(await rejectionOf(dependency.ask())).toBe('down');
  expect(dependency.healthy()).toBe(false);
  expect(await dependency.ask()).toBe('answer');
  expect(dependency.healthy()).toBe(true);
  dependency.close();
});

describe('a dependency with a breaker', () => {
  const open = (ask: (question: string) => Promise<string>) => {
    const dependency = watchDependency({
      ask,
      probe: () => Promise.reject('down'),
      probeEveryMs: EVERY_MS,
      isClientError: (error) => error === 'no such question',
    });
    onTestFinished(dependency.close);
    return dependency;
  };

  it('is not asked after five failures, and is asked again once after 5 s', async () => {
    const ask = vi.fn((_question: string): Promise<string> => Promise.reject('down'));
    const dependency = open(ask);
    for (let n = 0; n < 10; n++) await rejectionOf(dependency.ask('question'));
    expect(ask).toHaveBeenCalledTimes(5);
    expect(await rejectionOf(dependency.ask('question'))).toMatchObject({ code: 'EOPENBREAKER' });
    expect(dependency.healthy()).toBe(false);
    ask.mockResolvedValue('answer');
    await vi.advanceTimersByTimeAsync(4_999);
    await rejectionOf(dependency.ask('question'));
    expect(ask).toHaveBeenCalledTimes(5);
    await vi.advanceTimersByTimeAsync(1);
    expect(await dependency.ask('question')).toBe('answer');
    expect(dependency.healthy()).toBe(true);
  });

  it('is asked on and stays healthy while errors are about single questions', async () => {
    const ask = vi.fn((_question: string) => Promise.reject('no such question'));
    const dependency = open(ask);
    for (let n = 0; n < 20; n++) await rejectionOf(dependency.ask('question'));
    expect(ask).toHaveBeenCalledTimes(20);
    expect(dependency.healthy()).toBe(true);
  });
});
