import { z } from 'zod';
import { bytes, count, milliseconds, optionalText } from './units.ts';

const sampled = (unit: z.ZodType<number>, description: string) =>
  z
    .object({
      samples: z.array(unit).describe('In the order in which they were taken; empty when it could not be measured'),
      median: unit.nullable(),
      reason: optionalText.describe('Why it could not be measured'),
    })
    .describe(description);

const builds = (description: string) =>
  sampled(milliseconds, description).extend({
    steps: z
      .object({
        total: count,
        cached: count,
        slowest: z.array(z.object({ name: z.string(), ms: milliseconds })).describe('At most three steps'),
      })
      .nullable()
      .describe('The steps of the build that is nearest to the median; null when the builder does not list them'),
  });

/** What --bench measures. */
export const bench = z.object({
  runs: z.int().positive().describe('How many times each figure was measured'),
  startMs: sampled(milliseconds, 'From asking the engine to run the image to the first HTTP response other than 503'),
  nodeStartMs: sampled(milliseconds, "From the start of PID 1 to the line that says it listens, by the engine's clock"),
  memoryBytes: sampled(bytes, 'At rest, after the first response').extend({
    counter: optionalText.describe("The engine's counters that the figure is calculated from"),
  }),
  stopMs: sampled(milliseconds, "From SIGTERM to the end of PID 1, by the engine's clock"),
  buildColdMs: builds('A build with an empty layer cache and empty cache mounts; the base images are present'),
  buildNoopMs: builds('The same build again, with nothing changed'),
  buildAfterEditMs: builds('A build after one line was added to a source file'),
  buildAfterDependencyMs: builds('A build after one dependency was added'),
});

export type Bench = z.infer<typeof bench>;
export type BuildSamples = Bench['buildColdMs'];
