import { defineConfig } from 'vitest/config';

/** The slow drills: real load balancers, real outages, one at a time. */
export default defineConfig({
  test: {
    include: ['test/drill/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
