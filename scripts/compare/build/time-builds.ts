import { TEMPORARY_IMAGES } from '../../engine/labels.ts';
import { bytes } from '../../lib/format.ts';
import { hide } from '../../lib/hide.ts';
import { redact } from '../../lib/redact.ts';
import type { BuildSamples } from '../model/bench-schema.ts';
import { type Invocation, type Measurement, timeRounds } from '../model/measurement.ts';
import { timeSamples } from '../model/samples.ts';
import type { Subject } from '../model/subject.ts';
import { type BuildKey, type TimedBuild, timeBuildSequence } from './build-sequence.ts';

/** How many of a build's slowest steps the report keeps. */
const SLOWEST = 3;

/** Times the builds of all subjects, in rounds. The warm-up: the invocation has built each image once before. */
export async function timeBuilds(
  invocation: Invocation,
  measurements: Measurement<Subject>[],
  rounds: number,
): Promise<void> {
  const { engine, id, progress } = invocation;
  // Zero where the engine does not report it.
  const cacheBytes = () => engine.builderCacheBytes().catch(() => 0);
  const cacheBefore = await cacheBytes();
  const options = { name: 'builds', rounds };
  const builds = await timeRounds(invocation, measurements, options, (measurement, round, onStep) => {
    const name = `${TEMPORARY_IMAGES}:${id}-${round}-${measurements.indexOf(measurement)}`;
    return timeBuildSequence(invocation, measurement.subject, { name, onStep });
  });
  for (const [measurement, sequences] of builds) {
    const samples = (key: BuildKey) => buildSamples(sequences.map((sequence) => sequence[key]));
    measurement.bench = {
      ...measurement.bench,
      buildColdMs: samples('buildColdMs'),
      buildNoopMs: samples('buildNoopMs'),
      buildAfterEditMs: samples('buildAfterEditMs'),
      buildAfterDependencyMs: samples('buildAfterDependencyMs'),
    };
  }
  const grown = (await cacheBytes()) - cacheBefore;
  // It cannot be removed by itself: the engine's command for that would also remove what is not ours.
  if (grown > 0) progress.note(`builds: the builder's cache holds ${bytes(grown)} more, until the engine collects it`);
}

/** The times of one kind of build, with the steps of the one that is nearest to the median. */
export function buildSamples(builds: (TimedBuild | string)[]): BuildSamples {
  const samples = timeSamples(builds.map((build) => (typeof build === 'string' ? build : build.ms)));
  const distance = ({ ms }: TimedBuild) => Math.abs(ms - (samples.median ?? 0));
  const [typical] = builds.filter((build) => typeof build === 'object').sort((a, b) => distance(a) - distance(b));
  if (samples.median === null || !typical || typical.steps.length === 0) return { ...samples, steps: null };
  const slowest = typical.steps.filter(({ ms }) => ms > 0).sort((a, b) => b.ms - a.ms);
  return {
    ...samples,
    steps: {
      total: typical.steps.length,
      cached: typical.steps.filter(({ cached }) => cached).length,
      slowest: slowest.slice(0, SLOWEST).map(({ name, ms }) => ({ name: hide(redact(name)), ms })),
    },
  };
}
