import { appendFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { painter } from '../../lib/format.ts';
import { type ReservedFile, reserveFile } from '../../lib/reserve-file.ts';
import type { CompareOptions } from '../cli.ts';
import type { Report } from '../model/report-schema.ts';
import { renderMarkdown } from './markdown.ts';
import { type Extras, failures, renderCheck, renderTerminal } from './terminal.ts';

/** Where a report goes. */
export type OutputOptions = Pick<CompareOptions, 'json' | 'markdown' | 'quiet'>;

/** The files that a run writes at its end. */
export interface Outputs {
  /** Writes everything that the options ask for. */
  write(report: Report, extras: Extras): Promise<void>;
  /** Takes away what was reserved, if nothing was written. */
  release(): Promise<void>;
}

/**
 * Sees to it, before the long work begins, that what the options ask for can be written. Relative paths are those of
 * `folder`.
 *
 * @throws {ToolError} with exit code 2 when it cannot.
 */
export async function openOutputs(options: OutputOptions, folder: string): Promise<Outputs> {
  const reserve = async (path: string | undefined) =>
    path === undefined || path === '-' ? undefined : reserveFile(resolve(folder, path));
  const json = await reserve(options.json);
  let markdown: ReservedFile | undefined;
  try {
    markdown = await reserve(options.markdown);
  } catch (error) {
    await json?.release();
    throw error;
  }

  return {
    async write(report, extras) {
      const asJson = `${JSON.stringify(report, null, 2)}\n`;
      const asMarkdown = `${renderMarkdown(report, extras)}\n`;
      const colour = process.stdout.isTTY && !process.env.NO_COLOR;
      if (options.json === '-') process.stdout.write(asJson);
      else if (options.markdown === '-') process.stdout.write(asMarkdown);
      else if (!options.quiet) process.stdout.write(`${renderTerminal(report, colour, extras)}\n`);
      complain(report, extras, options);
      // After the table, which is there even when the disk is full.
      await json?.write(asJson);
      await markdown?.write(asMarkdown);
      for (const path of [json && options.json, markdown && options.markdown]) {
        if (path && !options.quiet) console.error(`Written: ${path}`);
      }
      await addToStepSummary(asMarkdown);
    },
    async release() {
      await json?.release();
      await markdown?.release();
    },
  };
}

/** Where no table is printed, what failed still is. */
function complain(report: Report, { check = [] }: Extras, { quiet, json, markdown }: OutputOptions): void {
  if (!quiet && json !== '-' && markdown !== '-') return;
  for (const failure of failures(report)) console.error(failure);
  if (check.some(({ status }) => status === 'FAIL')) console.error(renderCheck(check, painter(false), true));
}

/** GitHub Actions shows what is added to this file on the page of the run. */
async function addToStepSummary(markdown: string): Promise<void> {
  const path = process.env.GITHUB_STEP_SUMMARY;
  if (!path) return;
  await appendFile(path, markdown).catch((error) => {
    console.error(`Not added to the step summary: ${(error as Error).message}`);
  });
}
