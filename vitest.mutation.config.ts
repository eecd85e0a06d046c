import { defineConfig } from 'vitest/config';

/** The tests that `npm run mutate` runs against changed sources. */
export default defineConfig({
  test: {
    include: [
      'test/token04/*.test.ts',
      'test/auth/*.test.ts',
      'test/access/decide.test.ts',
      'test/http/problems.test.ts',
      'test/http/problem-response.test.ts',
    ],
    // Millions of draws, and no change to the sources that the other tests do not see.
    exclude: ['test/token04/randomness.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
