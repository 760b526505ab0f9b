import { defineConfig } from 'vitest/config';

const onEngine = {
  globalSetup: ['test/images/loud.ts'],
  // They share one engine, and some measure time.
  fileParallelism: false,
  testTimeout: 120_000,
  hookTimeout: 600_000,
};

/** The tests of the Dockerfiles. They mostly wait for npm and for containers, so they run beside those of the tool. */
const dockerfiles = ['as-typed', 'behaviour', 'chapters', 'real-life', 'take-home'].map(
  (name) => `test/images/${name}.test.ts`,
);

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/*.test.ts'] } },
      { test: { ...onEngine, name: 'images', include: ['test/images/*.test.ts'], exclude: dockerfiles } },
      { test: { ...onEngine, name: 'dockerfiles', include: dockerfiles } },
    ],
  },
});
