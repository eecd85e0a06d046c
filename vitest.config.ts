import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const MINUTE = 60_000;

export default defineConfig({
  test: {
    hookTimeout: MINUTE,
    // Most tests wait for a server or a timer, not for a processor.
    maxWorkers: Math.max(3, availableParallelism()),
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/drill/**', 'test/fuzz/**', '**/node_modules/**'],
          testTimeout: 20_000,
        },
      },
      {
        // Real load balancers and real outages, one at a time.
        extends: true,
        test: {
          name: 'drill',
          include: ['test/drill/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 2 * MINUTE,
        },
      },
      {
        // Requests that another program generates from the OpenAPI documents; needs a Java runtime.
        extends: true,
        test: {
          name: 'fuzz',
          include: ['test/fuzz/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 10 * MINUTE,
        },
      },
    ],
    coverage: {
      include: ['src/token04/**', 'src/access/rules.ts', 'src/auth/**'],
      thresholds: {
        'src/token04/**': { 100: true },
        'src/access/rules.ts': { 100: true },
        'src/auth/**': { 100: true },
      },
    },
  },
});
