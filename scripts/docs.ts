// `npm run docs`: measures what the documents show, and writes their numbers, tables and charts.
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Argument, Command } from 'commander';
import { readOptions } from './compare/cli.ts';
import { compare } from './compare/pipeline.ts';
import { copyWithMistakes, findMistakes, TIMED_MISTAKE } from './docs/mistakes.ts';
import { renderAll } from './docs/render.ts';
import { REPORT_FILES, type ReportName, readReports } from './docs/reports.ts';
import { EXIT, ToolError } from './lib/errors.ts';
import { throwUsageErrors } from './lib/options.ts';
import { printError } from './lib/print.ts';
import { startProgram } from './lib/program.ts';
import { writeChanged } from './lib/write-changed.ts';

const HELP = `
All reports take about thirty minutes; run nothing else meanwhile. The outputs of commands in the documents are refreshed by
their test: npm run test:images -w scripts -- documents -u

Exit codes: 0 everything is up to date; 1 something could not be measured; 2 wrong use`;

const ROOT = join(import.meta.dirname, '..');

async function measureAll(names: ReportName[], signal: AbortSignal): Promise<void> {
  const needsCopy = names.some((name) => name.startsWith('mistake'));
  const copy = needsCopy ? await copyWithMistakes(ROOT) : '';
  const mistakes = (await findMistakes(ROOT)).map(({ directory }) => join(copy, directory));
  const args: Record<ReportName, string[]> = {
    chapters: ['--bench', '--runs', '3', '--behaviour'],
    mistakes: [...mistakes, '--behaviour'],
    'mistake-times': [join(copy, TIMED_MISTAKE), '--bench', '--runs', '3'],
    shapes: ['.', 'scripts/shapes', '--bench', '--runs', '1', '--behaviour'],
    lean: ['03/lean', '02/native', '--bench', '--runs', '3'],
  };
  try {
    for (const name of names) {
      printError(`Measuring ${name}`);
      const invocation = readOptions([...args[name], '--json', REPORT_FILES[name]]);
      const code = await compare(invocation, { root: ROOT, current: ROOT }, signal);
      // A mistake may be a container that does not start.
      if (code !== EXIT.ok && name !== 'mistakes')
        throw new ToolError(`${name} could not be measured. The lines above show the reason.`);
    }
  } finally {
    if (needsCopy) await rm(dirname(copy), { recursive: true, force: true });
  }
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
  const changed = await writeChanged(ROOT, await renderAll(ROOT, await readReports(ROOT)));
  printError(changed.length === 0 ? 'Numbers and charts have not changed.' : `Written:\n  ${changed.join('\n  ')}`);
  return EXIT.ok;
});
