import { type ImageFacts, RUN_LABEL } from '../engine/engine.ts';
import { describeError } from '../errors.ts';
import { bytes } from '../report/format.ts';
import type { Measurement } from '../report/report.ts';
import { attempt, good, portOf, RUN_IMAGES, type Run } from '../steps.ts';
import { type Subject, subjectName } from '../subjects/chapters.ts';
import { type BuildKind, measureBuilds, type TimedBuild } from './builds.ts';
import { addDependency, type Manifests } from './context.ts';
import { measureStart, type Start } from './starts.ts';

/** Everything that was timed of one subject, in the order in which it was taken. */
export interface Timings {
  runs: number;
  starts: Start[];
  builds: Record<BuildKind, TimedBuild>[];
  /** Why builds were not timed, as text for a person. */
  noBuilds: string | null;
}

/**
 * Times starts, stops and builds of all subjects: in rounds, each of which has every subject once, so that what slows the
 * machine for a while slows all of them. The warm-up is what the run has done before: each image was built and has
 * answered once. Nothing else runs meanwhile.
 */
export async function benchAll(run: Run, measurements: Measurement<Subject>[], runs: number): Promise<void> {
  for (const measurement of good(measurements)) {
    measurement.timings = { runs, starts: [], builds: [], noBuilds: null };
  }
  await inRounds(run, measurements, 'starts', runs, async (measurement) => {
    const image = measurement.image as ImageFacts;
    const labels = { [RUN_LABEL]: run.id };
    const start = await measureStart(run.engine, image.id, { port: portOf(image), labels, signal: run.signal });
    measurement.timings?.starts.push(start);
  });
  const manifests = await manifestsOf(run, measurements);
  const cacheBefore = await cacheBytes(run);
  await inRounds(run, measurements, 'builds', runs, async (measurement, round, say) => {
    const { subject, timings } = measurement;
    const withDependency = manifests.get(subject.context);
    if (!timings || timings.noBuilds !== null || !withDependency) return;
    const salt = `${run.id}-${round}-${measurements.indexOf(measurement)}`;
    const builds = await measureBuilds(run.engine, subject, {
      runId: run.id,
      name: `${RUN_IMAGES}:${salt}`,
      salt,
      withDependency,
      signal: run.signal,
      onStep: (kind, text) => say(`${BUILD_NAMES[kind]}: ${text}`),
    });
    timings.builds.push(builds);
  });
  const grown = (await cacheBytes(run)) - cacheBefore;
  // It cannot be taken back by itself: what the engine offers for that would also take what is not ours.
  if (grown > 0)
    run.progress.note(`builds: the builder's cache holds ${bytes(grown)} more now, until the engine collects it`);
}

/** Zero where the engine does not tell. */
const cacheBytes = ({ engine }: Run) => engine.builderCacheBytes().catch(() => 0);

/** How the builds are called. */
const BUILD_NAMES: Record<BuildKind, string> = {
  cold: 'cold build',
  noop: 'build without a change',
  afterEdit: 'build after an edit',
  afterDependency: 'build after a new dependency',
};

/** Does one thing for each subject in turn, round after round. */
async function inRounds(
  run: Run,
  measurements: Measurement<Subject>[],
  what: string,
  rounds: number,
  work: (measurement: Measurement<Subject>, round: number, say: (text: string) => void) => Promise<void>,
): Promise<void> {
  if (good(measurements).length === 0) return;
  const task = run.progress.task(what);
  for (let round = 1; round <= rounds; round += 1) {
    for (const measurement of good(measurements)) {
      const where = `round ${round} of ${rounds}`;
      const say = (text: string) => task.update(`${where}, ${subjectName(measurement.subject)}${text && `, ${text}`}`);
      say('');
      await attempt(run, measurement, () => work(measurement, round, say));
    }
  }
  task.done('timed');
}

/** The manifests with one more dependency, for each context. Without them, a subject's builds are not timed. */
async function manifestsOf(run: Run, measurements: Measurement<Subject>[]): Promise<Map<string, Manifests>> {
  const manifests = new Map<string, Manifests>();
  const problems = new Map<string, string>();
  for (const { subject, timings } of good(measurements)) {
    const { context } = subject;
    if (!manifests.has(context) && !problems.has(context)) {
      run.signal.throwIfAborted();
      await addDependency(context, run.signal).then(
        (found) => manifests.set(context, found),
        (error: unknown) => problems.set(context, describeError(error)),
      );
    }
    if (timings) timings.noBuilds = problems.get(context) ?? null;
  }
  return manifests;
}
