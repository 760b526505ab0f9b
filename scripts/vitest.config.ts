import { defineConfig } from 'vitest/config';

/** What the tests on the real engine have in common. */
const images = {
  globalSetup: ['test/images/global-setup.ts'],
  testTimeout: 120_000,
  hookTimeout: 600_000,
};

/** The short pass that `npm test` includes. */
const SHORT_PASS = 'test/images/short-pass.test.ts';

/**
 * Image tests that may run side by side, after the others: they build nothing that needs the network, or only what the
 * tests before them have built, and time nothing. The others run one at a time. Docker 20.10 now and then cuts off the
 * connections of a build when a container with a published port ends meanwhile: npm then waits for minutes.
 */
const SIDE_BY_SIDE = [
  'action',
  'bases',
  'behaviour',
  'build-cache',
  'chapters',
  'dockerfiles',
  'inside',
  'other-engines',
  'package',
  'remote',
  'responses',
  'scan',
  'sbom',
  'sources',
].map((name) => `test/images/${name}.test.ts`);

/** On more engines than the image tests start: `npm run test:engines`. */
const OTHER_ENGINES = 'test/images/other-engines.test.ts';

export default defineConfig({
  test: {
    reporters: ['default', './test/heartbeat.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/*.test.ts'],
          testTimeout: 20_000,
          // It imports JSON in a way that Node does not know.
          server: { deps: { inline: ['@actions/workflow-parser'] } },
        },
      },
      { test: { ...images, name: 'short pass', include: [SHORT_PASS] } },
      {
        test: {
          ...images,
          name: 'images',
          include: ['test/images/*.test.ts'],
          exclude: [SHORT_PASS, ...SIDE_BY_SIDE],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...images,
          name: 'images side by side',
          include: SIDE_BY_SIDE,
          // They mostly wait. By default, Vitest runs one file at a time where there are two processors.
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: { ...images, name: 'engines', include: [OTHER_ENGINES], maxConcurrency: 2, env: { TEST_ENGINES: 'all' } },
      },
    ],
  },
});
