import { appendFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { hasColour, painter } from '../../lib/format.ts';
import { print, printError } from '../../lib/print.ts';
import { type ReservedFile, reserveFile } from '../../lib/reserve-file.ts';
import type { Report } from '../model/report-schema.ts';
import { renderMarkdown } from './markdown.ts';
import { type Extras, failures, renderCheck, renderTerminal } from './terminal.ts';

/** The formats that a report can be written in, by the option that names the file. */
const FORMATS = {
  json: (report: Report) => JSON.stringify(report, null, 2),
  markdown: renderMarkdown,
};

type Format = keyof typeof FORMATS;
const FORMAT_NAMES: Format[] = ['json', 'markdown'];

/** Where to write each format, as the command line has it; `-` is standard output. */
type OutputOptions = { [format in Format]?: string } & { quiet: boolean };

/**
 * Makes sure, before the long work begins, that the files can be written. Relative paths are relative to `directory`.
 * @throws {ToolError} with the code `usage` when one cannot.
 */
export async function openOutputs(options: OutputOptions, directory: string) {
  const files = new Map<Format, ReservedFile>();
  for (const format of FORMAT_NAMES) {
    const path = options[format] ?? '-';
    if (path !== '-') files.set(format, await reserveFile(resolve(directory, path)));
  }

  const write = async (report: Report, extras: Extras) => {
    const render = (format: Format) => FORMATS[format](report, extras);
    const printed = FORMAT_NAMES.find((format) => options[format] === '-');
    if (printed) print(render(printed));
    else if (!options.quiet) print(renderTerminal(report, hasColour(), extras));
    if (printed || options.quiet) {
      // Where no table is printed, what failed still is.
      for (const failure of failures(report)) printError(failure);
      const isOverBudget = extras.check?.some(({ status }) => status === 'FAIL');
      if (extras.check && isOverBudget) printError(renderCheck(extras.check, painter(false), true));
    }
    // After the table, which is printed even when the disk is full.
    for (const [format, file] of files) await file.write(`${render(format)}\n`);
    for (const format of files.keys()) if (!options.quiet) printError(`Written: ${options[format]}`);
    // GitHub Actions shows the text that is added to this file on the page of the workflow run.
    const summary = process.env.GITHUB_STEP_SUMMARY;
    const onError = (error: Error) => printError(`Not added to the step summary: ${error.message}`);
    if (summary) await appendFile(summary, `${render('markdown')}\n`).catch(onError);
  };
  return { write };
}
