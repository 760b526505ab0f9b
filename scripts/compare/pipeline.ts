import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanUp, removeLeftovers } from '../engine/clean-up.ts';
import type { Engine } from '../engine/engine.ts';
import { findEngine } from '../engine/find-engine.ts';
import { describeError, EXIT, usageError } from '../lib/errors.ts';
import { addHiddenValues } from '../lib/hide.ts';
import { printError } from '../lib/print.ts';
import { createProgress, type Progress, quietProgress } from '../lib/progress.ts';
import { createWorkDirectory, removeAbandonedDirectories } from '../lib/work-directory.ts';
import { buildSubjects } from './build/build-subjects.ts';
import { keepImages } from './build/keep-images.ts';
import { timeBuilds } from './build/time-builds.ts';
import type { CompareOptions } from './cli.ts';
import { findChapters } from './discover/chapters.ts';
import { readBudgets } from './discover/config.ts';
import type { Directories } from './discover/find-projects.ts';
import { readGivenValues } from './discover/given-values.ts';
import { selectSubjects } from './discover/select-subjects.ts';
import { findNamedImages, inspectImages } from './inspect/inspect-images.ts';
import type { Invocation, Measurement } from './model/measurement.ts';
import type { Report } from './model/report-schema.ts';
import { NAMED_IMAGES, type NamedImage, REFERENCE, type Subject } from './model/subject.ts';
import { findChanges } from './report/changes.ts';
import { checkBudgets } from './report/check-budgets.ts';
import { createReport } from './report/create-report.ts';
import { explain } from './report/explain.ts';
import { openOutputs } from './report/outputs.ts';
import { readReport } from './report/read-report.ts';
import { checkImages } from './run/check-images.ts';
import { requestImages } from './run/request-images.ts';
import { timeStarts } from './run/time-starts.ts';

/**
 * One invocation of compare: discovers what to measure, measures it, and writes the report. With `--from` it only reads a
 * report and writes it again. Returns the exit code.
 *
 * @throws {ToolError} for wrong use, or when there is no engine.
 */
export async function compare(options: CompareOptions, directories: Directories, signal: AbortSignal): Promise<number> {
  if (options.explain) return explain(options.explain);
  const { root, current } = directories;
  const { names, given, images, from, check } = options;
  const selection =
    from === undefined
      ? await selectSubjects({ names, given, hasImages: images.length > 0, check }, directories)
      : null;
  const budgets = selection?.budgets ?? (check ? await readBudgets(root, await findChapters(root)) : undefined);
  const baseline = options.baseline === undefined ? undefined : await readReport(options.baseline, current);
  const outputs = await openOutputs(options, current);
  if (options.strict && selection) requireRunnable(selection.subjects);
  const report = selection
    ? await findAndMeasure(selection.subjects, { ...options, root }, signal)
    : await readReport(from ?? '-', current);
  if (options.strict && !selection) requireBehaviour(report);
  const results = budgets && checkBudgets(report, budgets);
  const changes = baseline && findChanges(report, baseline);
  await outputs.write(report, { inside: options.inside, check: results, changes });
  const isOverBudget = results?.some(({ status }) => status === 'FAIL');
  const failed = report.images.some(({ ok }) => !ok) || isOverBudget || (options.strict && hasMisses(report));
  return failed ? EXIT.failed : EXIT.ok;
}

type MeasureOptions = Pick<CompareOptions, 'images' | 'jobs' | 'keep' | 'behaviour' | 'bench' | 'runs' | 'quiet'> &
  Pick<Directories, 'root'>;

/** Finds an engine and measures. An engine may take long to answer, or never answer: progress says so. */
async function findAndMeasure(subjects: Subject[], options: MeasureOptions, signal: AbortSignal): Promise<Report> {
  const progress = options.quiet ? quietProgress() : createProgress();
  try {
    const task = progress.task('engine');
    task.update('waiting for an answer');
    const engine = await findEngine(signal);
    await removeAbandoned(engine, progress);
    task.update('');
    const invocation = { engine, id: randomUUID(), directory: await createWorkDirectory(), signal, progress };
    return await measure(invocation, subjects, options);
  } finally {
    progress.close();
  }
}

/** Builds, inspects and runs the subjects and the images given by name, and removes what it made. */
async function measure(
  invocation: Invocation,
  subjects: Subject[],
  { images, jobs, keep, behaviour, bench, runs, root }: MeasureOptions,
): Promise<Report> {
  const { engine, signal, progress } = invocation;
  const built: Measurement<Subject>[] = subjects.map((subject) => ({ subject }));
  const named: Measurement<NamedImage>[] = images.map((variant) => ({ subject: { chapter: NAMED_IMAGES, variant } }));
  const all = [...built, ...named];
  signal.addEventListener('abort', () => progress.note('Interrupted: removing what was made'));
  let kept: string[] = [];
  try {
    for (const { settings } of subjects) addHiddenValues(await readGivenValues(settings));
    await buildSubjects(invocation, built, jobs);
    await findNamedImages(invocation, named);
    await inspectImages(invocation, all, join(root, 'node_modules/.cache/multi-stage-node'));
    await requestImages(invocation, built);
    if (behaviour) await checkImages(invocation, built, jobs);
    if (bench) await timeStarts(invocation, built, runs);
    if (bench) await timeBuilds(invocation, built, runs);
    if (keep) kept = await keepImages(invocation, built);
    return createReport(engine.info, all);
  } finally {
    progress.close();
    await cleanUp(engine, invocation.id, kept);
    const report = (error: unknown) => printError(`Not removed: ${describeError(error)}`);
    await rm(invocation.directory, { recursive: true, force: true }).catch(report);
  }
}

/** Removes what is left of invocations that were killed, and says so. */
async function removeAbandoned(engine: Engine, progress: Progress): Promise<void> {
  const { containers, images } = await removeLeftovers(engine, (text) => progress.note(text));
  const counts = { containers, images, 'temporary directories': await removeAbandonedDirectories() };
  const found = Object.entries(counts).flatMap(([what, count]) => (count > 0 ? `${what}: ${count}` : []));
  if (found.length > 0) progress.note(`Removed what a killed invocation had left: ${found.join(', ')}`);
}

/** @throws {ToolError} when --strict would check nothing: an image that is given by name is not run. */
function requireRunnable(subjects: Subject[]): void {
  if (subjects.some(({ settings }) => settings.run)) return;
  throw usageError('--strict has nothing to check: no image is run.');
}

/** @throws {ToolError} for a report that was made without --behaviour. */
function requireBehaviour({ images }: Report): void {
  if (images.some(({ behaviour, ok }) => behaviour !== null || !ok)) return;
  throw usageError('The report has no behaviour in it: it was made without --behaviour.');
}

/** Whether an image does not behave as a service should. `single` may: it is there to be improved on. */
function hasMisses({ images }: Report): boolean {
  return images.some(({ variant, behaviour }) => variant !== REFERENCE && behaviour?.some(({ ok }) => ok === false));
}
