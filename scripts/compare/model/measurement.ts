import type { Engine, ImageFacts } from '../../engine/engine.ts';
import { describeError, ToolError } from '../../lib/errors.ts';
import type { Progress } from '../../lib/progress.ts';
import type { Bench, ImageReport } from './report-schema.ts';
import type { NamedImage, Subject } from './subject.ts';

/** What all stages of one invocation share. */
export interface Invocation {
  engine: Engine;
  /** The value of the label that everything it makes on the engine carries. */
  id: string;
  signal: AbortSignal;
  progress: Progress;
}

/** The parts of an image's report that the stages fill in. */
type Parts = Pick<
  ImageReport,
  | 'base'
  | 'standIn'
  | 'context'
  | 'build'
  | 'size'
  | 'contents'
  | 'findings'
  | 'run'
  | 'behaviour'
  | 'error'
  | 'errorCode'
>;

/** What is known of one subject so far: each stage adds its part, as the report has it. What is absent was not reached. */
export interface Measurement<S extends Subject | NamedImage = Subject | NamedImage> extends Partial<Parts> {
  subject: S;
  /** The image, once it is built or found. */
  image?: ImageFacts;
  bench?: Partial<Bench>;
}

/** A measurement whose image is there. */
export type WithImage<M extends Measurement = Measurement> = M & { image: ImageFacts };

/** Does one step of a stage for one subject. An error becomes part of the measurement; an interruption is thrown. */
export async function attempt(
  { signal }: Invocation,
  measurement: Measurement,
  step: () => Promise<void>,
): Promise<boolean> {
  signal.throwIfAborted();
  try {
    await step();
    return true;
  } catch (error) {
    signal.throwIfAborted();
    measurement.error = describeError(error);
    measurement.errorCode = error instanceof ToolError ? error.code : 'failed';
    return false;
  }
}

/** The measurements in which nothing has failed so far. */
export const withoutErrors = <M extends Measurement>(measurements: M[]) =>
  measurements.filter(({ error }) => error === undefined);

/** Those of them whose image is there. */
export const withImages = <M extends Measurement>(measurements: M[]): WithImage<M>[] =>
  withoutErrors(measurements).filter((measurement): measurement is WithImage<M> => measurement.image !== undefined);

/** Whether the image has Node in it: what is only for Node is not measured elsewhere. */
export const hasNode = ({ contents }: Measurement) => (contents?.groups.node ?? 0) > 0;

/**
 * Does one step for each subject in turn, round after round, so that what slows the machine for a while slows all of
 * them. `report` shows what the step does.
 */
export async function inRounds<M extends Measurement>(
  invocation: Invocation,
  measurements: M[],
  { name, rounds }: { name: string; rounds: number },
  step: (measurement: WithImage<M>, round: number, report: (text: string) => void) => Promise<void>,
): Promise<void> {
  if (withImages(measurements).length === 0) return;
  const task = invocation.progress.task(name);
  for (let round = 1; round <= rounds; round += 1) {
    for (const measurement of withImages(measurements)) {
      const { chapter, variant } = measurement.subject;
      const report = (text: string) =>
        task.update(`round ${round} of ${rounds}, ${chapter} ${variant}${text && `, ${text}`}`);
      report('');
      await attempt(invocation, measurement, () => step(measurement, round, report));
    }
  }
  task.done('timed');
}
