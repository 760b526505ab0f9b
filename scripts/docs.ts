// `npm run docs`: measures what the documents show, and writes their numbers, tables and charts.
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Argument, Command } from 'commander';
import { readOptions } from './compare/cli.ts';
import { compare } from './compare/pipeline.ts';
import { copyWithMistakes, findMistakes, TIMED_MISTAKE } from './docs/mistakes.ts';
import { writeAll } from './docs/render.ts';
import { REPORT_FILES, type ReportName, readReports } from './docs/reports.ts';
import { EXIT, ToolError } from './lib/errors.ts';
import { throwUsageErrors } from './lib/options.ts';
import { printError } from './lib/print.ts';
import { startProgram } from './lib/program.ts';

const HELP = `
All reports take about thirty minutes; run nothing else meanwhile. The outputs of commands in the documents are refreshed by
their test: npm run test:images -w scripts -- documents -u

Exit codes: 0 everything is up to date; 1 something could not be measured; 2 wrong use`;

const ROOT = join(import.meta.dirname, '..');

/** What to measure for each report. The mistakes are measured in a copy of the chapters. */
const ARGUMENTS: Record<ReportName, (copy: () => Promise<string>) => Promise<string[]>> = {
  chapters: async () => ['--bench', '--runs', '3', '--behaviour'],
  mistakes: async (copy) => {
    const [directory, mistakes] = [await copy(), await findMistakes(ROOT)];
    return [...mistakes.map((one) => join(directory, one.directory)), '--behaviour'];
  },
  'mistake-times': async (copy) => [join(await copy(), TIMED_MISTAKE), '--bench', '--runs', '3'],
  shapes: async () => ['.', 'scripts/shapes', '--bench', '--runs', '1', '--behaviour'],
  lean: async () => ['03/lean', '--bench', '--runs', '3'],
};

async function measureAll(names: ReportName[], signal: AbortSignal): Promise<void> {
  let copied: Promise<string> | undefined;
  const copy = () => (copied ??= copyWithMistakes(ROOT));
  try {
    for (const name of names) await measure(name, await ARGUMENTS[name](copy), signal);
  } finally {
    if (copied) await rm(dirname(await copied), { recursive: true, force: true });
  }
}

async function measure(name: ReportName, args: string[], signal: AbortSignal): Promise<void> {
  printError(`Measuring ${name}`);
  const invocation = readOptions([...args, '--json', REPORT_FILES[name]]);
  const code = await compare(invocation, { root: ROOT, current: ROOT }, signal);
  // A mistake may be a container that does not start.
  if (code === EXIT.ok || name === 'mistakes') return;
  throw new ToolError(`${name} could not be measured. The lines above show the reason.`);
}

await startProgram(async (signal) => {
  const known = Object.keys(REPORT_FILES) as ReportName[];
  const command = new Command('npm run docs --')
    .description(
      'Measures the reports that the documents show numbers of, and writes their numbers, tables and charts.',
    )
    .addArgument(new Argument('[reports...]', 'the reports to measure (default: all)').choices(known))
    .option('--render', 'measure nothing: only write the documents from the existing reports')
    .addHelpText('after', HELP);
  throwUsageErrors(command, 'Try: npm run docs -- --help').parse();
  const requested = known.filter((name) => command.args.length === 0 || command.args.includes(name));
  if (!command.opts<{ render?: true }>().render) await measureAll(requested, signal);
  const changed = await writeAll(ROOT, await readReports(ROOT));
  printError(changed.length === 0 ? 'Numbers and charts have not changed.' : `Written:\n  ${changed.join('\n  ')}`);
  return EXIT.ok;
});
