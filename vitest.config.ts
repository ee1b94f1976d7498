import { defineConfig } from 'vitest/config';

const shared = {
  environment: 'node' as const,
  // Processes, not threads: tests open SQLite files, sockets and worker threads of their own.
  pool: 'forks' as const,
  execArgv: ['--disable-warning=ExperimentalWarning'],
  testTimeout: 10_000,
  hookTimeout: 30_000,
};

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        // `npm test`: needs nothing but this checkout.
        test: {
          ...shared,
          name: 'fast',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['test/full/**', 'test/soak/**'],
        },
      },
      {
        // `npm run test:full`: what scripts/test-full.ts provides first (browser, databases, clouds).
        test: {
          ...shared,
          name: 'full',
          include: ['test/full/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // One at a time, after the fast ones: they start clouds, kill servers, and judge times.
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
