import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/drill/**', 'test/fuzz/**'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
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
