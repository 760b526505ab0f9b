import { availableParallelism } from 'node:os';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { EXIT } from '../lib/errors.ts';
import { addProjectOptions, fileName, givenSettings, hasProjectOption, type ProjectOptions } from './cli-project.ts';
import { CODES, type Code } from './model/finding-catalog.ts';
import type { PartialSettings } from './model/settings.ts';
import { REFERENCE } from './model/subject.ts';

export interface CompareOptions {
  /** Chapters by name or number, and folders of projects; all chapters when empty and nothing else is named either. */
  names: string[];
  /** How projects are built, run and requested, as far as it was said. Paths are relative to where the user stands. */
  given: PartialSettings;
  /** Images that are there already, by name. */
  images: string[];
  /** A report to show again instead of measuring; `-` is standard input. */
  from?: string;
  /** Where to write the report and its Markdown, as the user typed it; `-` is standard output. */
  json?: string;
  markdown?: string;
  /** An older report to compare with. */
  baseline?: string;
  inside: boolean;
  check: boolean;
  /** Whether to measure the chapters' mistakes instead of the chapters: with `behaviour` and `bench`. */
  mistakes: boolean;
  /** Whether to time starts, stops and builds, and how often each. */
  bench: boolean;
  runs: number;
  /** Whether to try how the images behave, and whether a miss is an error. */
  behaviour: boolean;
  strict: boolean;
  /** The bandwidth that a rollout is reckoned with, in bits per second. */
  link?: number;
  keep: boolean;
  quiet: boolean;
  /** How many builds run side by side. */
  jobs: number;
  /** A finding to explain instead of measuring. */
  explain?: Code | true;
}

/** How often --bench and --mistakes time each. */
const RUNS = 5;
const MISTAKE_RUNS = 3;

/** What commander makes of the options. */
type Options = Partial<Omit<CompareOptions, 'names' | 'given' | 'images' | 'jobs' | 'runs'>> & {
  image?: string[];
  jobs: number;
  runs?: number;
  color: boolean;
} & ProjectOptions;

const AFTER_HELP = `
A project is any folder with a Dockerfile, a Dockerfile.something or a something.Dockerfile: each is a variant, and all
others are compared with the one called single, or else with Dockerfile, or else with the first. What its
compare.config.json says (port, path, env, buildArgs, secrets, dockerfiles, targets, budgets, …) need not be typed. Paths
that are typed are relative to where you stand. The folder itself is only read.

Examples:
  npm run compare
  npm run compare -- 02 03 --inside
  npm run compare -- ../my-app
  npm run compare -- ../my-app --port 8080 --path /healthz --env LOG_LEVEL=warn --secret id=npmrc,src=../my-app/.npmrc
  npm run compare -- ../my-app --dockerfile docker/api.Dockerfile --target builder --target runner --no-run
  npm run compare -- --json report.json --markdown report.md
  npm run compare -- --from report.json --inside
  npm run compare -- --check --baseline baseline.json
  npm run compare -- 03 --bench --link 100Mbps
  npm run compare -- --behaviour --strict
  npm run compare -- 02 --mistakes
  npm run compare -- --image node:26-alpine --image my/app:1.2
  npm run -s compare -- 02 --json - | jq .comparisons

Progress goes to standard error, the table to standard output. With - for a file, standard output has that document
instead of the table. Colour is used only on a terminal.

Exit codes:
  0  all images were built, ran and answered
  1  an image was not built, did not run or did not answer (the others are still shown), a budget was exceeded, --strict
     found a miss, a mistake costs nothing, or something else failed
  2  wrong use
  3  no container engine answers
  130  interrupted; what was made is removed`;

/** Reads the command line. Prints help or what is wrong with it, and exits, where there is nothing to run. */
export function readOptions(args: string[]): CompareOptions {
  refuseSwallowed();
  const command = new Command('npm run compare --')
    .usage('[options] [chapters and folders...]')
    .description(
      'Builds the Dockerfiles of chapters or projects, runs the images, requests them, and compares their sizes.',
    )
    .argument(
      '[chapters and folders...]',
      'chapters by name or number, such as 02-multi-stage, 02 or 2, and folders of projects, such as ../my-app (default: all chapters)',
    )
    .option('--inside', 'show what is in each image: where its bytes are, what is waste, what should not be there')
    .option('--explain [code]', 'say what a finding means and how to mend it, or list them all', findingCode)
    .option('--image <name>', 'measure an image that is there already; may be repeated', collect)
    .option('--json <file>', 'write the report, with all measurements, to a file (- for standard output)', fileName)
    .option('--markdown <file>', 'write the report as Markdown, for a pull request (- for standard output)', fileName)
    .option(
      '--from <file>',
      'show a report that was written with --json (- for standard input); needs no engine',
      fileName,
    )
    .option('--baseline <file>', 'say what changed since an older report (- for standard input)', fileName)
    .option('--check', 'compare with the budgets in compare.config.json')
    .option(
      '--bench',
      'time starts, stops and builds, several times and in turn, and read the memory (13 to 15 minutes for all chapters)',
    )
    .option('--runs <n>', 'how often --bench (default: 5) and --mistakes (default: 3) time each', wholeNumber)
    .option('--link <bandwidth>', 'say how long a node waits for its pull at, for example, 100Mbps', bandwidth)
    .option('--behaviour', 'try what a service should do: stop on SIGTERM, run read-only, turn unhealthy, …')
    .option('--strict', `--behaviour, and a miss is an error, except on ${REFERENCE}, which the others improve on`)
    .option(
      '--mistakes',
      'measure what common mistakes cost, and say what mends them (about 4 minutes for all chapters)',
    )
    .option('--keep', 'leave the images and print their tags')
    .option('--jobs <n>', 'how many builds run side by side', wholeNumber, availableParallelism())
    .option('--quiet', 'no progress and no table: only what went wrong, and what is asked for with -')
    .option('--no-color', 'no colour, also on a terminal')
    .addHelpText('after', AFTER_HELP)
    .exitOverride();
  addProjectOptions(command);
  try {
    command.parse(args, { from: 'user' });
    refuseTogether(command);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) console.error('Try: npm run compare -- --help');
    process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage);
  }
  const {
    image = [],
    inside = false,
    check = false,
    mistakes = false,
    bench = mistakes,
    strict = false,
    behaviour = strict || mistakes,
    keep = false,
    quiet = false,
    color,
    json,
    markdown,
    from,
    baseline,
    runs = mistakes ? MISTAKE_RUNS : RUNS,
    link,
    jobs,
    explain,
    ...project
  } = command.opts<Options>();
  // Read by everything that colours, here and in Node.
  if (!color) process.env.NO_COLOR = '1';
  return {
    ...{ json, markdown, from, baseline, explain, link, jobs, runs },
    ...{ inside, check, mistakes, bench, behaviour, strict, keep, quiet },
    names: command.args,
    images: image,
    given: givenSettings(project),
  };
}

/** Options that contradict each other. */
function refuseTogether(command: Command): void {
  const { json, markdown, from, baseline, image, keep, bench, behaviour, strict, run } = command.opts<Options>();
  const { mistakes, check, link, runs } = command.opts<Options>();
  if (json === '-' && markdown === '-')
    command.error('error: only one of --json and --markdown can be standard output');
  if (json !== undefined && json === markdown && json !== '-')
    command.error('error: --json and --markdown must be two different files');
  if (from === '-' && baseline === '-') command.error('error: only one of --from and --baseline can be standard input');
  const project = hasProjectOption(command);
  if (from !== undefined && (image || keep || bench || behaviour || mistakes || project || command.args.length > 0)) {
    command.error(
      'error: --from shows a report as it is: it takes no chapters, folders and their options, --image, --keep, --bench, --behaviour and --mistakes',
    );
  }
  if (!run && (behaviour || strict)) command.error('error: --no-run and --behaviour contradict each other');
  if (!bench && !mistakes && runs !== undefined) command.error('error: --runs belongs to --bench and --mistakes');
  if (!mistakes) return;
  if (image || keep || bench || behaviour || strict || check || link !== undefined || project) {
    command.error(
      'error: --mistakes measures in its own way: it takes chapters, --runs, --jobs and what is said of the output, but no folders and their options, --image, --keep, --bench, --behaviour, --strict, --check and --link',
    );
  }
  if (runs === 1)
    command.error('error: --mistakes needs two runs or more: one has no spread to hold a difference against');
}

/**
 * The options that npm would take, too. Not in it: those that people have in their npm settings for other programs, such
 * as `target` for node-gyp.
 */
const OWN_OPTIONS = [
  ...['json', 'markdown', 'from', 'baseline', 'inside', 'check', 'image', 'explain', 'keep', 'jobs'],
  ...[
    'bench',
    'runs',
    'link',
    'behaviour',
    'strict',
    'mistakes',
    'dockerfile',
    'context',
    'build_arg',
    'secret',
    'path',
  ],
  ...['expect_status', 'any_answer', 'env', 'env_file', 'port', 'ready', 'edit'],
];

/** npm takes options that stand before `--` for its own, and leaves them in the environment. */
function refuseSwallowed(): void {
  const option = OWN_OPTIONS.find((name) => process.env[`npm_config_${name}`]);
  if (process.env.npm_lifecycle_event !== 'compare' || !option) return;
  console.error(`npm took --${option} for itself. Options come after two dashes: npm run compare -- --${option}`);
  process.exit(EXIT.usage);
}

function findingCode(value: string): Code {
  const code = CODES.find((one) => one === value);
  if (!code) throw new InvalidArgumentError(`It must be one of: ${CODES.join(', ')}.`);
  return code;
}

function collect(value: string, earlier: string[] = []): string[] {
  if (value === '' || value.startsWith('-')) throw new InvalidArgumentError('It must be the name of an image.');
  return [...new Set([...earlier, value])];
}

/** Bits per second, as `100Mbps`. A capital B would mean bytes, and is refused. */
function bandwidth(value: string): number {
  const [, number, prefix] = /^(\d{1,6}(?:\.\d{1,3})?) ?([kKmMgG])(?:bps|bit\/s)$/.exec(value) ?? [];
  const bitsPerSecond = Number(number) * { k: 1e3, m: 1e6, g: 1e9 }[prefix?.toLowerCase() as 'k'];
  if (!(bitsPerSecond > 0)) throw new InvalidArgumentError('It must be a bandwidth in bits, such as 100Mbps or 1Gbps.');
  return bitsPerSecond;
}

function wholeNumber(value: string): number {
  if (!/^[1-9]\d{0,2}$/.test(value)) throw new InvalidArgumentError('It must be a whole number from 1 to 999.');
  return Number(value);
}
