// The step of action.yml that measures: compare, with the inputs as its arguments.
import { existsSync } from 'node:fs';
import { appendFile, copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PACKAGE, readOptions } from '../compare/cli.ts';
import { compare } from '../compare/pipeline.ts';
import { renderStepOutputs } from '../compare/report/github.ts';
import { readReport } from '../compare/report/read-report.ts';
import { summarizeError, usageError } from '../lib/errors.ts';
import { markdownText } from '../lib/format.ts';
import { printError } from '../lib/print.ts';
import { startProgram } from '../lib/program.ts';
import { hasBudgets } from './has-budgets.ts';
import { FILES, filesDirectory, readLines, readName, readVariable } from './inputs.ts';

await startProgram(async (signal) => {
  const directory = filesDirectory(readName());
  const path = (file: string) => join(directory, file);
  // Of an earlier step of this job with the same name: it would be uploaded and saved as the result of this one.
  for (const file of Object.values(FILES)) await rm(path(file), { force: true });
  const outputs = { json: path(FILES.report), chart: path(FILES.chart), sarif: path(FILES.sarif), github: true };
  // action.yml restores this file before the step, and saves it after the step.
  const saved = `${directory}.json`;
  const options = readOptions([...readLines('INPUT_OPTIONS'), '--', ...readLines('INPUT_DIRECTORIES')], PACKAGE);
  const taken = (['json', 'chart', 'sarif'] as const).find((name) => options[name] !== undefined);
  if (taken) throw usageError(`The action sets --${taken} itself.`, 'Remove it from the options, and use the outputs.');
  await mkdir(directory, { recursive: true });
  const baseline = options.baseline ?? (await takeBaseline(saved, path(FILES.baseline)));
  const current = process.cwd();
  const check = options.check || (await hasBudgets(options, current));
  const code = await compare({ ...options, ...outputs, baseline, check }, { root: null, current }, signal);

  const { images } = await readReport(outputs.json, current);
  // What failed is nothing to compare with: an older report stays the baseline.
  const complete = images.every(({ ok }) => ok);
  if (complete) await copyFile(outputs.json, saved);
  const values = { chart: outputs.chart, sarif: outputs.sarif, complete: String(complete) };
  await appendFile(readVariable('GITHUB_OUTPUT'), renderStepOutputs(values));
  return code;
});

/** Copies the report that action.yml has restored to the files of the artifact. Undefined, with a message, without one. */
async function takeBaseline(saved: string, path: string): Promise<string | undefined> {
  const branch = process.env.GITHUB_BASE_REF || readVariable('GITHUB_REF_NAME');
  let problem = `There is no report of ${branch} yet`;
  if (existsSync(saved)) {
    try {
      await readReport(saved, '.');
      await copyFile(saved, path);
      return path;
    } catch (error) {
      problem = `The report of ${branch} cannot be compared with. ${summarizeError(error)}`.replace(/\.$/, '');
    }
  }
  const text = `${problem}: all images are new.`;
  printError(text);
  const summary = process.env.GITHUB_STEP_SUMMARY;
  if (summary) await appendFile(summary, `${markdownText(text)}\n\n`);
  return undefined;
}
