import { defineConfig } from 'vitest/config';

/** What tests of images have in common. */
const images = {
  globalSetup: ['test/images/loud.ts'],
  testTimeout: 120_000,
  hookTimeout: 600_000,
};

/**
 * Image tests that may run side by side: they build nothing that needs the network, or only what the tests before them
 * have built, time nothing, and do not look at what others measure. They come after the others, which run one at a time: those share one engine, and some measure time.
 * Docker 20.10 also cuts off the connections of a build, now and then, when a container with a published port ends
 * meanwhile: npm then waits for minutes.
 */
const SIDE_BY_SIDE = ['bases', 'behaviour', 'chapters', 'inside'].map((name) => `test/images/${name}.test.ts`);

export default defineConfig({
  test: {
    projects: [
      // The tests of the command line start it some sixty times, beside all else that a busy machine does.
      { test: { name: 'unit', include: ['test/*.test.ts'], testTimeout: 20_000 } },
      {
        test: {
          ...images,
          name: 'images',
          include: ['test/images/*.test.ts'],
          exclude: SIDE_BY_SIDE,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { ...images, name: 'images side by side', include: SIDE_BY_SIDE, sequence: { groupOrder: 2 } } },
    ],
  },
});
