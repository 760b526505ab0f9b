import { describeError } from '../lib/errors.ts';
import { bytes } from '../lib/format.ts';
import { addDependency, type Manifests } from './build/context-copy.ts';
import { type BuildKind, measureBuilds, measureEdit, type TimedBuilds } from './build/timed-builds.ts';
import { type Subject, subjectName } from './model/subject.ts';
import type { Measurement } from './report/create-report.ts';
import { hasNode, runOptions } from './run/request.ts';
import { measureStart, type Start } from './run/timed-starts.ts';
import { attempt, good, RUN_IMAGES, type Run } from './steps.ts';

/** Everything that was timed of one subject, in the order in which it was taken. */
export interface Timings {
  runs: number;
  starts: Start[];
  builds: TimedBuilds[];
  /** Why starts were not timed, as text for a person. */
  noStarts: string | null;
}

/**
 * Times starts, stops and builds of all subjects: in rounds, each of which has every subject once, so that what slows the
 * machine for a while slows all of them. The warm-up is what the run has done before: each image was built and has
 * answered once. Nothing else runs meanwhile.
 *
 * @param onlyEdits whether only the builds after an edit are timed; the build contexts themselves are edited then.
 */
export async function benchAll(
  run: Run,
  measurements: Measurement<Subject>[],
  runs: number,
  onlyEdits = false,
): Promise<void> {
  for (const measurement of good(measurements)) {
    const noStarts = measurement.subject.settings.run ? null : 'it was not run';
    measurement.timings = { runs, starts: [], builds: [], noStarts };
  }
  await inRounds(run, measurements, 'starts', runs, async (measurement) => {
    const { image, subject, timings } = measurement;
    if (!image || !timings || timings.noStarts !== null) return;
    const { ready } = subject.settings;
    timings.starts.push(
      await measureStart(run.engine, image.id, { ...runOptions(run, measurement), ready, node: hasNode(measurement) }),
    );
  });
  const manifests = onlyEdits ? new Map<string, string>() : await manifestsOf(run, measurements);
  const cacheBefore = await cacheBytes(run);
  await inRounds(run, measurements, 'builds', runs, async (measurement, round, say) => {
    const { subject, timings } = measurement;
    const withDependency = manifests.get(subject.context);
    const salt = `${run.id}-${round}-${measurements.indexOf(measurement)}`;
    const options = {
      runId: run.id,
      name: `${RUN_IMAGES}:${salt}`,
      salt,
      signal: run.signal,
      onStep: (kind: BuildKind, text: string) => say(`${BUILD_NAMES[kind]}: ${text}`),
    };
    if (onlyEdits) timings?.builds.push(await measureEdit(run.engine, subject, options));
    else if (withDependency !== undefined)
      timings?.builds.push(await measureBuilds(run.engine, subject, { ...options, withDependency }));
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

/** The manifests with one more dependency for each context, or why there are none. */
async function manifestsOf(
  { signal }: Run,
  measurements: Measurement<Subject>[],
): Promise<Map<string, Manifests | string>> {
  const manifests = new Map<string, Manifests | string>();
  for (const { context } of good(measurements).map(({ subject }) => subject)) {
    if (manifests.has(context)) continue;
    signal.throwIfAborted();
    manifests.set(context, await addDependency(context, signal).catch((error: unknown) => describeError(error)));
  }
  return manifests;
}
