import { setImmediate as nextIteration } from 'node:timers/promises';
import type { Logger } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/problems.ts';
import { installReload } from '../../src/ops/reload.ts';
import { jumpingTime } from '../support/monotonic.ts';

const RETRY_MS = 30_000;

/** A reload whose configuration and outcome a test decides. */
function install(read: () => Config, apply: () => Promise<void>) {
  const lines: string[] = [];
  const log = (fields: { trigger: string }, message: string) =>
    void lines.push(`${fields.trigger}: ${message}`);
  const logger = { info: log, error: log } as unknown as Logger;
  const results: string[] = [];
  const onReloaded = (result: string) => void results.push(result);
  const stop = installReload({ logger, read, apply, files: () => [], onReloaded });
  onTestFinished(stop);
  const until = async (count: number) => {
    while (lines.length < count) await nextIteration();
  };
  return { lines, results, stop, until };
}

const config = {} as Config;

it('a reload that a dependency prevents is tried again after 30 s', async () => {
  const time = jumpingTime();
  const apply = vi.fn(async () => {});
  apply.mockRejectedValueOnce(new Error('the keys of a provider cannot be fetched'));
  const { lines, results, until } = install(() => config, apply);
  process.emit('SIGHUP');
  await until(1);
  time.advance(RETRY_MS - 1);
  await nextIteration();
  expect(apply).toHaveBeenCalledTimes(1);
  time.advance(1);
  await until(2);
  expect(lines).toEqual(['SIGHUP: reload failed', 'retry: secrets and keys reloaded']);
  expect(results).toEqual(['error', 'ok']);
  time.advance(RETRY_MS);
  await nextIteration();
  expect(apply).toHaveBeenCalledTimes(2);
});

it('a reload of a wrong configuration waits until it is changed', async () => {
  const time = jumpingTime();
  const read = vi.fn(() => {
    throw new ConfigError([{ variable: 'PORT', message: 'is wrong' }]);
  });
  const { until } = install(read, async () => {});
  process.emit('SIGHUP');
  await until(1);
  time.advance(RETRY_MS);
  await nextIteration();
  expect(read).toHaveBeenCalledTimes(1);
});

it('a reload is not tried again after the end', async () => {
  const time = jumpingTime();
  const apply = vi.fn(() => Promise.reject(new Error('unreachable')));
  const { stop, until } = install(() => config, apply);
  process.emit('SIGHUP');
  await until(1);
  stop();
  time.advance(RETRY_MS);
  process.emit('SIGHUP');
  await nextIteration();
  expect(apply).toHaveBeenCalledTimes(1);
});
