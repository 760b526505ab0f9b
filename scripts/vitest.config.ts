import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/*.test.ts'] } },
      {
        test: {
          name: 'images',
          include: ['test/images/*.test.ts'],
          globalSetup: ['test/images/loud.ts'],
          // They share one engine, and some measure time. Docker 20.10 also cuts off the connections of a build, now and
          // then, when a container with a published port ends meanwhile: npm then waits for minutes.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
