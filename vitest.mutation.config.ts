import { defineConfig } from 'vitest/config';

/** The tests that Stryker runs against changed sources; it knows no projects of Vitest. */
export default defineConfig({
  test: {
    include: [
      'test/token/*.test.ts',
      'test/token04/*.test.ts',
      'test/auth/*.test.ts',
      'test/access/*.test.ts',
      'test/directory/facts.test.ts',
      'test/directory/questions.test.ts',
      'test/http/*.test.ts',
      'test/openapi/documents.test.ts',
    ],
    // Millions of draws, and no change to the sources that the other tests do not see.
    exclude: [
      'test/token04/randomness.test.ts',
      // Databases that cannot be opened: none of the sources that are changed.
      'test/access/database-tls.test.ts',
      'test/access/unusable.test.ts',
    ],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
