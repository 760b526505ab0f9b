import { availableParallelism } from 'node:os';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { EXIT } from './errors.ts';

export interface CompareOptions {
  /** Chapters by name or number; all when empty. */
  chapters: string[];
  /** Where to write the report, as the user typed it. */
  json?: string;
  keep: boolean;
  /** How many builds run side by side. */
  jobs: number;
}

/** What commander makes of the options. */
interface Options {
  json?: string;
  keep?: boolean;
  jobs: number;
  color: boolean;
}

const AFTER_HELP = `
Examples:
  npm run compare
  npm run compare -- 02 03
  npm run compare -- 02-multi-stage --json report.json

Progress goes to standard error, the table to standard output. Colour is used only on a terminal.

Exit codes:
  0  all images were built, ran and answered
  1  an image was not built, did not run or did not answer (the others are still shown), or something else failed
  2  wrong use
  3  no container engine answers
  130  interrupted; what was made is removed`;

/** Reads the command line. Prints help or what is wrong with it, and exits, where there is nothing to run. */
export function readOptions(args: string[]): CompareOptions {
  refuseSwallowed();
  const command = new Command('npm run compare --')
    .usage('[options] [chapters...]')
    .description('Builds the Dockerfiles of each chapter, runs the images, requests them, and compares their sizes.')
    .argument('[chapters...]', 'chapters by name or number, such as 02-multi-stage, 02 or 2 (default: all)')
    .option('--json <file>', 'write the report, with all measurements, to a file', fileName)
    .option('--keep', 'leave the images and print their tags')
    .option('--jobs <n>', 'how many builds run side by side', wholeNumber, availableParallelism())
    .option('--no-color', 'no colour, also on a terminal')
    .addHelpText('after', AFTER_HELP)
    .exitOverride();
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) console.error('Try: npm run compare -- --help');
    process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage);
  }
  const { json, keep, jobs, color } = command.opts<Options>();
  // Read by everything that colours, here and in Node.
  if (!color) process.env.NO_COLOR = '1';
  return { chapters: command.args, json, keep: keep ?? false, jobs };
}

/** npm takes options that stand before `--` for its own, and leaves them in the environment. */
function refuseSwallowed(): void {
  const option = ['json', 'keep', 'jobs'].find((name) => process.env[`npm_config_${name}`]);
  if (process.env.npm_lifecycle_event !== 'compare' || !option) return;
  console.error(`npm took --${option} for itself. Options come after two dashes: npm run compare -- --${option}`);
  process.exit(EXIT.usage);
}

function fileName(value: string): string {
  if (value === '' || value.startsWith('-')) throw new InvalidArgumentError('It must be the name of a file.');
  return value;
}

function wholeNumber(value: string): number {
  if (!/^[1-9]\d{0,2}$/.test(value)) throw new InvalidArgumentError('It must be a whole number from 1 to 999.');
  return Number(value);
}
