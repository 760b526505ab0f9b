import { join } from 'node:path';
import { type CompareOptions, readOptions } from './compare/cli.ts';
import { findChapters } from './compare/discover/chapters.ts';
import { readConfig } from './compare/discover/config.ts';
import { type Selection, selectMistakes, selectSubjects } from './compare/discover/select-subjects.ts';
import { measureMistakes } from './compare/mistakes/measure.ts';
import type { Report } from './compare/model/report-schema.ts';
import { REFERENCE } from './compare/model/subject.ts';
import { measureSubjects } from './compare/pipeline.ts';
import { findChanges } from './compare/report/changes.ts';
import { checkBudgets } from './compare/report/check-budgets.ts';
import { renderExplanation, renderFindingList } from './compare/report/explain.ts';
import { openOutputs } from './compare/report/outputs.ts';
import { readReport } from './compare/report/read-report.ts';
import { withRollout } from './compare/report/rollout.ts';
import { failures } from './compare/report/terminal.ts';
import { findEngine } from './engine/find-engine.ts';
import { EXIT, ToolError } from './lib/errors.ts';
import { main } from './lib/program.ts';
import { createProgress, quietProgress } from './lib/progress.ts';

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
  const { names, given, check: wantsBudgets, images } = options;
  const wish = { names, given, images: images.length > 0, check: wantsBudgets };
  const folders = { root: ROOT, here: HERE };
  const mistakes = options.mistakes ? await selectMistakes(names, folders) : undefined;
  const selection = options.from === undefined && !mistakes ? await selectSubjects(wish, folders) : undefined;
  const config = wantsBudgets ? (selection?.config ?? (await readConfig(ROOT, await findChapters(ROOT)))) : undefined;
  const older = options.baseline === undefined ? undefined : await readReport(options.baseline, HERE);
  const outputs = await openOutputs(options, HERE);
  try {
    const { from, link } = options;
    const measured = mistakes
      ? await measureMistakes(await findEngine(), mistakes, options, { signal, progress: progressOf(options) })
      : selection
        ? await measure(selection, options, signal)
        : await reread(from as string, options);
    const report = options.bench || link !== undefined ? withRollout(measured, link ?? null) : measured;
    const check = config && checkBudgets(report, config);
    await outputs.write(report, { inside: options.inside, check, changes: older && findChanges(report, older) });
    const failed = failures(report).length > 0 || check?.some(({ status }) => status === 'FAIL');
    const missed = options.strict && missesSomething(report);
    return failed || missed ? EXIT.failed : EXIT.ok;
  } finally {
    await outputs.release();
  }
}

/** A report that was written before. @throws {ToolError} when it cannot be what is asked for. */
async function reread(from: string, { strict, check, link }: CompareOptions): Promise<Report> {
  const report = await readReport(from, HERE);
  if (report.mistakes && (strict || check || link !== undefined)) {
    throw new ToolError('The report is one of mistakes: --strict, --check and --link are not for those.', {
      exitCode: EXIT.usage,
    });
  }
  if (strict && report.images.every(({ behaviour }) => behaviour === null)) {
    throw new ToolError('The report has no behaviour in it: it was made without --behaviour.', {
      exitCode: EXIT.usage,
    });
  }
  return report;
}

/** Whether an image does not behave as a service should. The reference may: it is what the others improve on. */
function missesSomething({ images }: Report): boolean {
  return images.some(({ variant, behaviour }) => variant !== REFERENCE && behaviour?.some(({ ok }) => ok === false));
}

async function measure({ subjects }: Selection, options: CompareOptions, signal: AbortSignal): Promise<Report> {
  const what = { subjects, images: options.images };
  return measureSubjects(await findEngine(), what, options, { signal, progress: progressOf(options) });
}

const progressOf = ({ quiet }: CompareOptions) => (quiet ? quietProgress() : createProgress());

await main((signal) => compare(readOptions(process.argv.slice(2)), signal));
