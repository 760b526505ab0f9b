import pLimit from 'p-limit';
import type { Engine, ImageFacts } from '../../engine/engine.ts';
import { DIRECTORY_LABEL, INVOCATION_LABEL } from '../../engine/labels.ts';
import type { Stage } from '../../lib/dockerfile.ts';
import { describeError, ToolError } from '../../lib/errors.ts';
import type { Progress } from '../../lib/progress.ts';
import type { Bench } from './bench-schema.ts';
import type { ImageReport } from './report-schema.ts';
import { type NamedImage, type Subject, subjectName } from './subject.ts';

/** What all stages share, also those that work without an engine. */
export interface Surroundings {
  signal: AbortSignal;
  progress: Progress;
}

/** What all stages of one invocation share. */
export interface Invocation extends Surroundings {
  engine: Engine;
  /** The value of the label of all containers and images that it makes. */
  id: string;
  /** A directory for its temporary files. */
  directory: string;
}

/** The labels of all containers and images that an invocation makes. */
export const labelsOf = ({ id, directory }: Invocation) => ({ [INVOCATION_LABEL]: id, [DIRECTORY_LABEL]: directory });

/** The parts of an image's report that no stage fills in: they follow from the subject and the others. */
type Derived =
  | ('chapter' | 'variant' | 'dockerfile' | 'source' | 'target' | 'platform')
  | ('ok' | 'errorLine' | 'config' | 'bench');

/** What is known of one subject so far: each stage adds its part, as the report has it. What is absent was not reached. */
export interface Measurement<S extends Subject | NamedImage = Subject | NamedImage>
  extends Partial<Omit<ImageReport, Derived>> {
  subject: S;
  /** What the Dockerfile says about the image, once it is read. */
  stage?: Stage;
  /** The image, once it is built or found. */
  image?: ImageFacts;
  bench?: Partial<Bench>;
  /** What the error's text is made of: for a build that failed, `place` is the instruction and `lines` its last lines. */
  failure?: ToolError;
}

/** A measurement that has an image. */
export type WithImage<M extends Measurement = Measurement> = M & { image: ImageFacts };

/** The measurements in which nothing has failed so far. */
export const withoutErrors = <M extends Measurement>(measurements: M[]) =>
  measurements.filter(({ error }) => error === undefined);

/** The measurements without an error that have an image. */
export const withImages = <M extends Measurement>(measurements: M[]): WithImage<M>[] =>
  withoutErrors(measurements).filter((measurement): measurement is WithImage<M> => measurement.image !== undefined);

/** The measurements without an error whose image is to be run. */
export const withRunnableImages = (measurements: Measurement<Subject>[]) =>
  withImages(measurements).filter(({ subject }) => subject.settings.run);

/** Whether the image has Node in it: what is only for Node is not measured elsewhere. */
export const hasNode = ({ contents }: Measurement) => (contents?.groups.node ?? 0) > 0;

/** More than builders print. What an image says of itself may be in an error, and have megabytes. In characters. */
const MAX_ERROR_LENGTH = 20_000;

/**
 * Does one step of a stage for one subject and returns whether it succeeded. An error becomes part of the measurement.
 *
 * @throws the signal's reason after an interruption.
 */
export async function recordError(
  { signal }: Surroundings,
  measurement: Measurement,
  step: () => Promise<void>,
): Promise<boolean> {
  signal.throwIfAborted();
  try {
    await step();
    return true;
  } catch (error) {
    signal.throwIfAborted();
    const text = describeError(error);
    measurement.error = text.length > MAX_ERROR_LENGTH ? `${text.slice(0, MAX_ERROR_LENGTH)}…` : text;
    measurement.errorCode = error instanceof ToolError ? error.code : 'failed';
    if (error instanceof ToolError) measurement.failure = error;
    return false;
  }
}

/** Does one step of a stage for each subject, `jobs` at a time, in order. Each is a task that `report` updates. */
export async function measureEach<M extends Measurement>(
  invocation: Invocation,
  measurements: M[],
  { jobs, doing, done, failed }: { jobs: number; doing: string; done: string; failed: string },
  step: (measurement: M, report: (text: string) => void) => Promise<void>,
): Promise<void> {
  const limit = pLimit(jobs);
  const steps = measurements.map((measurement) =>
    limit(async () => {
      const task = invocation.progress.task(subjectName(measurement.subject));
      task.update(doing);
      const ok = await recordError(invocation, measurement, () => step(measurement, task.update));
      if (ok) task.done(done);
      else task.fail(failed);
    }),
  );
  // An interruption ends every step: none may still run when the invocation cleans up.
  await Promise.allSettled(steps);
  await Promise.all(steps);
}

/**
 * Times each subject that has an image, round after round, so that what slows the machine for a while slows all of them.
 * Nothing else runs meanwhile. `report` shows what is timed. Returns the results of the rounds, for each measurement.
 */
export async function timeRounds<M extends Measurement, T>(
  invocation: Invocation,
  measurements: M[],
  { name, rounds }: { name: string; rounds: number },
  time: (measurement: WithImage<M>, round: number, report: (text: string) => void) => Promise<T>,
): Promise<Map<WithImage<M>, T[]>> {
  const results = new Map<WithImage<M>, T[]>(withImages(measurements).map((measurement) => [measurement, []]));
  if (results.size === 0) return results;
  const task = invocation.progress.task(name);
  for (let round = 1; round <= rounds; round += 1) {
    for (const measurement of withImages(measurements)) {
      const report = (...texts: string[]) =>
        task.update([`round ${round} of ${rounds}`, subjectName(measurement.subject), ...texts].join(', '));
      report();
      await recordError(invocation, measurement, async () => {
        results.get(measurement)?.push(await time(measurement, round, report));
      });
    }
  }
  task.done('timed');
  return results;
}
