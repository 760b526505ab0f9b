import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine, EngineChoice } from '../engine/engine.ts';
import { EXIT, usageError } from '../lib/errors.ts';
import { shorten } from '../lib/format.ts';
import { addHiddenValues } from '../lib/hide.ts';
import { userCacheDirectory } from '../lib/user-cache.ts';
import packageJson from '../package.json' with { type: 'json' };
import { buildSubjects } from './build/build-subjects.ts';
import { keepImages } from './build/keep-images.ts';
import { timeBuilds } from './build/time-builds.ts';
import type { CompareOptions } from './cli.ts';
import { readBudgetsForReport } from './discover/collect-budgets.ts';
import type { Directories } from './discover/find-projects.ts';
import { readGivenValues } from './discover/given-values.ts';
import { selectSubjects } from './discover/select-subjects.ts';
import { diffMeasurements } from './inspect/diff-images.ts';
import { findNamedImages } from './inspect/find-named-images.ts';
import { type ImageSource, parseImageSource } from './inspect/image-source.ts';
import type { IndexedImage } from './inspect/index-image.ts';
import { inspectImages } from './inspect/inspect-images.ts';
import { listComponents } from './inspect/list-components.ts';
import { scanImages } from './inspect/scan-images.ts';
import { PACKAGE_NAME } from './model/budgets.ts';
import type { Measurement, Surroundings } from './model/measurement.ts';
import type { Report } from './model/report-schema.ts';
import {
  NAMED_IMAGES,
  type NamedImage,
  REFERENCE,
  type Subject,
  type SubjectName,
  subjectName,
} from './model/subject.ts';
import { findChanges } from './report/changes.ts';
import { checkBudgets } from './report/check-budgets.ts';
import { createReport } from './report/create-report.ts';
import { explain } from './report/explain.ts';
import { openOutputs } from './report/outputs.ts';
import { readReport } from './report/read-report.ts';
import { requireComponents } from './report/sbom.ts';
import { checkImages } from './run/check-images.ts';
import { requestImages } from './run/request-images.ts';
import { timeStarts } from './run/time-starts.ts';
import { withInvocation, withProgress } from './with-invocation.ts';

const { version } = packageJson;

/**
 * One invocation of compare: discovers what to measure, measures it, and writes the report. With `--from` it only reads a
 * report and writes it again. Returns the exit code.
 *
 * @throws {ToolError} for wrong use, or when there is no engine.
 */
export async function compare(options: CompareOptions, directories: Directories, signal: AbortSignal): Promise<number> {
  if (options.explain) return explain(options.explain);
  const { current } = directories;
  const { names, given, images, from, check } = options;
  const sources = await findSources(images, current);
  const selection =
    from === undefined
      ? await selectSubjects({ names, given, hasImages: images.length > 0, check }, directories)
      : null;
  const budgets = selection?.budgets ?? (check ? await readBudgetsForReport(directories) : undefined);
  const baseline = options.baseline === undefined ? undefined : await readReport(options.baseline, current);
  if (options.sbom !== undefined && selection) requireOneImage([...selection.subjects, ...namedImages(images)]);
  const outputs = await openOutputs(options, current);
  if (options.strict && selection) requireRunnable(selection.subjects);
  const report = selection
    ? await findAndMeasure(selection.subjects, sources, { ...options, ...directories }, signal)
    : await readReport(from ?? '-', current);
  if (options.strict && !selection) requireBehaviour(report);
  if (options.sbom !== undefined && !selection) requireComponents(report);
  const results = budgets && checkBudgets(report, budgets);
  const changes = baseline && findChanges(report, baseline);
  const isOverBudget = results?.some(({ status }) => status === 'FAIL');
  const failed = report.images.some(({ ok }) => !ok) || isOverBudget || (options.strict && hasMisses(report));
  await outputs.write(report, { inside: options.inside, check: results, changes, version }, failed);
  return failed ? EXIT.failed : EXIT.ok;
}

type MeasureOptions = Pick<
  CompareOptions,
  ('given' | 'images' | 'diff' | 'sbom' | 'jobs') | ('keep' | 'behaviour' | 'bench' | 'runs' | 'scan' | 'quiet')
> &
  EngineChoice &
  Directories;

/** Where the images are that are given by name. */
async function findSources(images: string[], directory: string): Promise<Map<string, ImageSource>> {
  const find = async (name: string) => [name, await parseImageSource(name, directory)] as const;
  return new Map(await Promise.all(images.map(find)));
}

/** Builds, inspects and runs the subjects and the images given by name. An engine is looked for only where one is needed. */
function findAndMeasure(
  subjects: Subject[],
  sources: Map<string, ImageSource>,
  options: MeasureOptions,
  signal: AbortSignal,
): Promise<Report> {
  const { given, images, diff, sbom, jobs, keep, behaviour, bench, runs, scan, root, current } = options;
  const built: Measurement<Subject>[] = subjects.map((subject) => ({ subject }));
  const named: Measurement<NamedImage>[] = namedImages(images).map((subject) => ({ subject }));
  const all = [...built, ...named];
  const indexed = new Map<Measurement, IndexedImage>();
  const onIndexed = (one: Measurement, image: IndexedImage) => {
    if (diff) indexed.set(one, image);
    if (sbom !== undefined) one.components = listComponents(image);
  };
  const inspect = async (surroundings: Surroundings, engine: Engine | null) => {
    const stored = await findNamedImages(surroundings, engine, named, { sources, platform: given.platform });
    await inspectImages(surroundings, engine, all, { stored, cacheDirectory: cacheDirectory(root), onIndexed });
    if (scan) await scanImages(surroundings, engine, all, scan, { stored, current });
  };
  const report = async (engine: Engine | null) => {
    const details = { directory: await realpath(current), diff: diff ? diffMeasurements(named, indexed) : null };
    return createReport(engine?.info ?? null, all, details);
  };
  if (built.length === 0 && [...sources.values()].every(({ kind }) => kind !== 'engine')) {
    return withProgress(options, async (progress) => {
      await inspect({ signal, progress }, null);
      return report(null);
    });
  }
  return withInvocation(options, signal, async (invocation, keepTags) => {
    if (subjects.some(({ settings }) => settings.run)) await invocation.engine.connectToPorts();
    for (const { settings } of subjects) addHiddenValues(await readGivenValues(settings));
    await buildSubjects(invocation, built, jobs);
    await inspect(invocation, invocation.engine);
    await requestImages(invocation, built);
    if (behaviour) await checkImages(invocation, built, jobs);
    if (bench) await timeStarts(invocation, built, runs);
    if (bench) await timeBuilds(invocation, built, runs);
    if (keep) keepTags(await keepImages(invocation, built));
    return report(invocation.engine);
  });
}

/** Where the measured layers are kept between invocations: in the repository, or else where the user's caches are. */
export const cacheDirectory = (root: string | null) =>
  root === null ? join(userCacheDirectory(), PACKAGE_NAME) : join(root, 'node_modules/.cache/multi-stage-node');

const namedImages = (names: string[]): NamedImage[] => names.map((variant) => ({ chapter: NAMED_IMAGES, variant }));

/** @throws {ToolError} unless there is exactly one image for --sbom. */
function requireOneImage(subjects: SubjectName[]): void {
  if (subjects.length === 1) return;
  const names = shorten(subjects.map(subjectName).join(', '), 300);
  const hint = 'Choose one with --dockerfile FILE, --target STAGE or --image NAME.';
  throw usageError(`--sbom describes one image, but there are ${subjects.length}: ${names}.`, hint);
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
