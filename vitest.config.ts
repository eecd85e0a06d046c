import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/drill/**', 'test/fuzz/**'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    coverage: {
      include: ['src/token04/**', 'src/access/decide.ts', 'src/auth/**'],
      thresholds: {
        'src/token04/**': { 100: true },
        'src/access/decide.ts': { 100: true },
        'src/auth/**': { 100: true },
      },
    },
  },
});
