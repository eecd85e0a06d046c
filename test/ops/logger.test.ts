import { expect, it, onTestFinished, vi } from 'vitest';
import { createLogger } from '../../src/ops/logger.ts';

it('gives each line of the log its own time', () => {
  vi.useFakeTimers({ toFake: ['Date'], now: 0 });
  onTestFinished(() => void vi.useRealTimers());
  const lines: string[] = [];
  const logger = createLogger({ write: (line) => void lines.push(line) }, 'info');
  for (const now of [0, 0, 1_700_000_000_123, 1_700_000_000_123, 1_700_000_000_122]) {
    vi.setSystemTime(now);
    logger.info('x');
  }
  const first = '1970-01-01T00:00:00.000Z';
  const later = '2023-11-14T22:13:20.123Z';
  expect(lines.map((line) => JSON.parse(line).time)).toEqual([
    ...[first, first, later, later],
    '2023-11-14T22:13:20.122Z',
  ]);
});
