// The step of action.yml that measures: runs compare with the arguments that the inputs stand for.
import { existsSync } from 'node:fs';
import { appendFile, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readReport } from '../compare/report/read-report.ts';
import { describeError, exitCodeOf, summarizeError } from '../lib/errors.ts';
import { markdownText } from '../lib/format.ts';
import { printError } from '../lib/print.ts';
import { hasBudgets } from './has-budgets.ts';
import { FILES, filesDirectory, readLines, readName, readVariable, setOutput } from './inputs.ts';

try {
  const directory = filesDirectory(readName());
  const files = {
    report: join(directory, FILES.report),
    baseline: join(directory, FILES.baseline),
    chart: join(directory, FILES.chart),
    sarif: join(directory, FILES.sarif),
    // What action.yml restores before this step, and saves after it.
    saved: `${directory}.json`,
  };
  await mkdir(directory, { recursive: true });
  const [directories, options] = [readLines('INPUT_DIRECTORIES'), readLines('INPUT_OPTIONS')];
  const baseline = await takeBaseline(files.saved, files.baseline);
  const check = (await hasBudgets(directories, options)) ? ['--check'] : [];
  const outputs = ['--github', '--json', files.report, '--chart', files.chart, '--sarif', files.sarif];
  process.argv.splice(2, Infinity, ...outputs, ...baseline, ...check, ...options, '--', ...directories);
  // As start.mjs starts it: in this process, which GitHub signals when it cancels a run. It sets the exit code.
  await import('../compare-dockerfiles.ts');
  if (existsSync(files.report)) await describeFiles(files);
} catch (error) {
  printError(describeError(error));
  process.exitCode = exitCodeOf(error);
}

/** The option for the report that action.yml has restored and uploads again. Without one, nothing fails. */
async function takeBaseline(saved: string, path: string): Promise<string[]> {
  const branch = process.env.GITHUB_BASE_REF || readVariable('GITHUB_REF_NAME');
  let problem = `There is no report of ${branch} yet`;
  if (existsSync(saved)) {
    try {
      await readReport(saved, '.');
      await copyFile(saved, path);
      return ['--baseline', path];
    } catch (error) {
      problem = `The report of ${branch} cannot be compared with. ${summarizeError(error)}`.replace(/\.$/, '');
    }
  }
  const text = `${problem}: all images are new.`;
  printError(text);
  const summary = process.env.GITHUB_STEP_SUMMARY;
  if (summary) await appendFile(summary, `${markdownText(text)}\n\n`);
  return [];
}

/** Sets the outputs that name files, and keeps the report for later runs. */
async function describeFiles({
  report,
  chart,
  sarif,
  saved,
}: { [name in 'report' | 'chart' | 'sarif' | 'saved']: string }) {
  if (existsSync(chart)) await setOutput('chart', chart);
  if (existsSync(sarif)) await setOutput('sarif', sarif);
  const { images } = await readReport(report, '.');
  // A later run cannot be compared with what failed: an older report stays the baseline.
  if (images.some(({ ok }) => !ok)) return;
  await copyFile(report, saved);
  await setOutput('complete', 'true');
}
