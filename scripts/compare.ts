import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type CompareOptions, readOptions } from './src/cli.ts';
import { findEngine } from './src/engine/find.ts';
import { describeError, EXIT, ToolError } from './src/errors.ts';
import { interruption } from './src/interruption.ts';
import { createProgress, quietProgress } from './src/progress.ts';
import { checkBudgets } from './src/report/budgets.ts';
import { findChanges } from './src/report/changes.ts';
import { readConfig } from './src/report/config.ts';
import { renderExplanation, renderFindingList } from './src/report/explain.ts';
import { openOutputs } from './src/report/outputs.ts';
import { readReport } from './src/report/read.ts';
import { type Measurement, makeReport } from './src/report/report.ts';
import type { Report } from './src/report/schema.ts';
import { buildAll, cleanUp, findImages, measureAll, readBases, requestAll, tagAll } from './src/steps.ts';
import { findChapters, NAMED_IMAGES, type Subject, selectChapters } from './src/subjects/chapters.ts';

const ROOT = join(import.meta.dirname, '..');
/** Where the user stands: npm changes to the folder of package.json. */
const HERE = process.env.INIT_CWD ?? process.cwd();

async function compare(options: CompareOptions, signal: AbortSignal): Promise<number> {
  if (options.explain) {
    const colour = process.stdout.isTTY && !process.env.NO_COLOR;
    process.stdout.write(
      `${options.explain === true ? renderFindingList(colour) : renderExplanation(options.explain, colour)}\n`,
    );
    return EXIT.ok;
  }
  const config = options.check ? await readConfig(ROOT, await findChapters(ROOT)) : undefined;
  const older = options.baseline === undefined ? undefined : await readReport(options.baseline, HERE);
  const outputs = await openOutputs(options, HERE);
  try {
    const report = options.from === undefined ? await measure(options, signal) : await readReport(options.from, HERE);
    const check = config && checkBudgets(report, config);
    await outputs.write(report, { inside: options.inside, check, changes: older && findChanges(report, older) });
    const failed = report.images.some(({ ok }) => !ok) || check?.some(({ status }) => status === 'FAIL');
    return failed ? EXIT.failed : EXIT.ok;
  } finally {
    await outputs.release();
  }
}

/** Builds, measures, runs and requests, and removes what it made. */
async function measure(options: CompareOptions, signal: AbortSignal): Promise<Report> {
  const chapters = options.images.length > 0 && options.chapters.length === 0 ? [] : await findChapters(ROOT);
  const built: Measurement<Subject>[] = selectChapters(chapters, options.chapters).map((subject) => ({ subject }));
  const named: Measurement[] = options.images.map((variant) => ({ subject: { chapter: NAMED_IMAGES, variant } }));
  const engine = await findEngine();

  const progress = options.quiet ? quietProgress() : createProgress();
  signal.addEventListener('abort', () => progress.note('Interrupted: removing what was made'));
  const run = { engine, id: randomUUID(), signal, progress };
  try {
    await readBases(run, built);
    await buildAll(run, built, options.jobs);
    await findImages(run, named);
    await measureAll(run, [...built, ...named]);
    await requestAll(run, built);
    if (options.keep) await tagAll(run, built);
    return makeReport(engine, [...built, ...named], ROOT);
  } finally {
    progress.close();
    await cleanUp(run, options.keep && !signal.aborted);
  }
}

// A reader that has seen enough, such as `head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  console.error(`Cannot write to standard output: ${error.message}`);
  process.exitCode = EXIT.failed;
});

const signal = interruption();
try {
  const code = await compare(readOptions(process.argv.slice(2)), signal);
  process.exitCode ||= code;
} catch (error) {
  if (!signal.aborted) console.error(describeError(error));
  const reason = signal.aborted ? signal.reason : error;
  process.exitCode = reason instanceof ToolError ? reason.exitCode : EXIT.failed;
}
