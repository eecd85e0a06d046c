import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const MINUTE = 60_000;

/** The kinds of tests that `npm run test:slow` runs, and their folders. */
const SLOW = [
  // Starts the program, or one of its commands, as a process.
  ['process', 'test/process/*', 'test/schemas/*'],
  // Takes dependencies from the started program, and waits for its real time-outs.
  ['outage', 'test/outage/*'],
  // Opens pages in Chromium, with the packed client.
  ['browser', 'test/browser/*'],
  // Runs tools of other languages: the Helm chart, generated clients, the Go peer of the benchmark.
  ['toolchain', 'test/chart/*', 'test/generated-clients/*', 'test/bench/*'],
] as const;

export default defineConfig({
  test: {
    hookTimeout: MINUTE,
    // Most tests wait for a server or a timer, not for a processor.
    maxWorkers: Math.max(3, availableParallelism()),
    projects: [
      {
        // What a developer runs: functions, the HTTP applications on sockets, SQLite, PostgreSQL, Redis.
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [
            ...SLOW.flatMap(([, ...folders]) => folders),
            'test/drill/**',
            'test/fuzz/**',
            '**/node_modules/**',
          ],
          testTimeout: 20_000,
          // The files share the modules that a worker has loaded, which is a third of their processor time.
          isolate: false,
        },
      },
      ...SLOW.map(([name, ...folders]) => ({
        extends: true as const,
        test: {
          name,
          include: folders.map((folder) => `${folder}.test.ts`),
          exclude: ['**/node_modules/**'],
          // A page or a process may wait for its processor while other files start servers.
          testTimeout: 40_000,
          // These have real time-outs, and a machine that stood still for seconds breaks one of hundreds.
          retry: 1,
        },
      })),
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
