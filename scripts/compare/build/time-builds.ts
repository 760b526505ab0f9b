import { describeError } from '../../lib/errors.ts';
import { bytes } from '../../lib/format.ts';
import { redact } from '../../lib/redact.ts';
import { type Invocation, inRounds, type Measurement, withImages } from '../model/measurement.ts';
import type { BuildSamples } from '../model/report-schema.ts';
import { samplesOf } from '../model/samples.ts';
import type { Subject } from '../model/subject.ts';
import { TEMPORARY_IMAGES } from './build-subjects.ts';
import { addDependency, type PackageFiles } from './context-copy.ts';
import { BUILD_KINDS, type BuildKind, type TimedBuild, type TimedBuilds, timeBuildSequence } from './timed-builds.ts';

/** How many of a build's slowest steps the report keeps. */
const SLOWEST = 3;

/**
 * Times the builds of all subjects, in rounds. Nothing else runs meanwhile. The warm-up is what the invocation has done
 * before: it has built each image once.
 */
export async function timeBuilds(
  invocation: Invocation,
  measurements: Measurement<Subject>[],
  rounds: number,
): Promise<void> {
  const { engine, id, progress } = invocation;
  const packageFiles = await packageFilesOf(invocation, measurements);
  const builds = new Map<Measurement, TimedBuilds[]>(measurements.map((measurement) => [measurement, []]));
  // Zero where the engine does not report it.
  const cacheBytes = () => engine.builderCacheBytes().catch(() => 0);
  const cacheBefore = await cacheBytes();
  await inRounds(invocation, measurements, { name: 'builds', rounds }, async (measurement, round, report) => {
    const withDependency = packageFiles.get(measurement.subject.context) ?? 'not reached';
    const salt = `${id}-${round}-${measurements.indexOf(measurement)}`;
    const name = `${TEMPORARY_IMAGES}:${salt}`;
    const onStep = (kind: BuildKind, text: string) => report(`${BUILD_KINDS[kind].name}: ${text}`);
    const timed = await timeBuildSequence(invocation, measurement.subject, { name, salt, onStep, withDependency });
    builds.get(measurement)?.push(timed);
  });
  for (const [measurement, timed] of builds) {
    const samples = (kind: BuildKind) => buildSamples(timed.map((one) => one[kind]));
    measurement.bench = {
      ...measurement.bench,
      buildColdMs: samples('cold'),
      buildNoopMs: samples('noop'),
      buildAfterEditMs: samples('afterEdit'),
      buildAfterDependencyMs: samples('afterDependency'),
    };
  }
  const grown = (await cacheBytes()) - cacheBefore;
  // It cannot be removed by itself: the engine's command for that would also remove what is not ours.
  if (grown > 0) progress.note(`builds: the builder's cache holds ${bytes(grown)} more, until the engine collects it`);
}

function buildSamples(builds: (TimedBuild | string)[]): BuildSamples {
  const samples = samplesOf(builds.map((build) => (typeof build === 'string' ? redact(build) : inTenths(build.ms))));
  const distance = ({ ms }: TimedBuild) => Math.abs(ms - (samples.median ?? 0));
  const [typical] = builds.filter((build) => typeof build === 'object').sort((a, b) => distance(a) - distance(b));
  if (samples.median === null || !typical || typical.steps.length === 0) return { ...samples, steps: null };
  const slowest = typical.steps.filter(({ ms }) => ms > 0).sort((a, b) => b.ms - a.ms);
  return {
    ...samples,
    steps: {
      total: typical.steps.length,
      cached: typical.steps.filter(({ cached }) => cached).length,
      slowest: slowest.slice(0, SLOWEST).map(({ name, ms }) => ({ name: redact(name), ms })),
    },
  };
}

const inTenths = (ms: number) => Math.round(ms * 10) / 10;

/** The package files with one more dependency for each build context, or why there are none. */
async function packageFilesOf(
  { signal }: Invocation,
  measurements: Measurement<Subject>[],
): Promise<Map<string, PackageFiles | string>> {
  const files = new Map<string, PackageFiles | string>();
  for (const { subject } of withImages(measurements)) {
    if (files.has(subject.context)) continue;
    signal.throwIfAborted();
    files.set(subject.context, await addDependency(subject.context, signal).catch(describeError));
  }
  return files;
}
