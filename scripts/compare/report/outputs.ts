import { appendFile, realpath } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import { hasColour, painter } from '../../lib/format.ts';
import { print, printCommands, printError } from '../../lib/print.ts';
import { type ReservedFile, reserveFile } from '../../lib/reserve-file.ts';
import type { Report } from '../model/report-schema.ts';
import { renderChart } from './chart.ts';
import { createStepOutputs, renderAnnotations, renderStepOutputs } from './github.ts';
import { renderMarkdown } from './markdown.ts';
import { renderSarif } from './sarif.ts';
import { renderSbom } from './sbom.ts';
import { type Extras, failures, renderCheck, renderTerminal } from './terminal.ts';

/** The formats that a report can be written in, by the option that names the file. Null is for one that has no document. */
const FORMATS = {
  json: (report: Report) => JSON.stringify(report, null, 2),
  markdown: renderMarkdown,
  chart: renderChart,
  sarif: renderSarif,
  sbom: renderSbom,
} satisfies Record<string, (report: Report, extras: Extras) => string | Promise<string | null>>;

type Format = keyof typeof FORMATS;
export const FORMAT_NAMES = Object.keys(FORMATS) as Format[];

/** Where to write each format, as the command line has it; `-` is standard output. */
type OutputOptions = { [format in Format]?: string } & { quiet: boolean; github?: boolean };

/**
 * Makes sure, before the long work begins, that the files can be written. Relative paths are relative to `directory`.
 * @throws {ToolError} with the code `usage` when one cannot.
 */
export async function openOutputs(options: OutputOptions, directory: string) {
  const files = new Map<Format, ReservedFile>();
  const pathOf = (format: Format) => {
    const path = options[format] ?? '-';
    return path === '-' ? undefined : resolve(directory, path);
  };
  for (const format of FORMAT_NAMES) {
    const path = pathOf(format);
    if (path !== undefined) files.set(format, await reserveFile(path));
  }

  /** `failed` says whether the program will end with exit code 1. */
  const write = async (report: Report, given: Extras, failed = false) => {
    const extras = { ...given, below: await findBelow(directory) };
    const render = async (format: Format) => FORMATS[format](report, extras);
    const printed = FORMAT_NAMES.find((format) => options[format] === '-');
    const document = printed && (await render(printed));
    if (document) print(document);
    else if (!printed && !options.quiet) print(renderTerminal(report, hasColour(), extras));
    if (printed || options.quiet) {
      // Where no table is printed, what failed still is.
      for (const failure of failures(report)) printError(failure);
      const isOverBudget = extras.check?.some(({ status }) => status === 'FAIL');
      if (extras.check && isOverBudget) printError(renderCheck(extras.check, painter(false), true));
    }
    if (options.github) printCommands(renderAnnotations(report, extras), printed ? process.stderr : process.stdout);
    // After the table, which is printed even when the disk is full.
    for (const [format, file] of files) {
      const text = await render(format);
      if (text !== null) await file.write(`${text}\n`);
      const result = text === null ? 'Not written, because the image was not measured' : 'Written';
      if (!options.quiet) printError(`${result}: ${options[format]}`);
    }
    // GitHub Actions shows the text that is added to this file on the page of the workflow run.
    await addTo('GITHUB_STEP_SUMMARY', 'step summary', () => `${renderMarkdown(report, extras)}\n`);
    const createOutputs = () => createStepOutputs(report, { ...extras, reportPath: pathOf('json'), failed });
    if (options.github) await addTo('GITHUB_OUTPUT', "step's outputs", () => renderStepOutputs(createOutputs()));
  };
  return { write };
}

/** Adds a text to a file that GitHub Actions has named, if there is one. */
async function addTo(variable: string, what: string, render: () => string): Promise<void> {
  const file = process.env[variable];
  const onError = (error: Error) => printError(`Not added to the ${what}: ${error.message}`);
  if (file) await appendFile(file, render()).catch(onError);
}

/** A directory relative to the repository of a GitHub workflow, with forward slashes. Elsewhere, it is the repository. */
async function findBelow(directory: string): Promise<string> {
  const repository = process.env.GITHUB_WORKSPACE || directory;
  // Dockerfiles have paths without symbolic links.
  const [from, to] = await Promise.all([repository, directory].map((path) => realpath(path).catch(() => path)));
  return relative(from ?? '', to ?? '').replaceAll(sep, '/');
}
