import { defineConfig } from 'vitest/config';

/** Requests that another program generates from the OpenAPI documents: minutes, and a Java runtime. */
export default defineConfig({
  test: {
    include: ['test/fuzz/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 60_000,
  },
});
