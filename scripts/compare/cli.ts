import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { ENGINE_NAMES } from '../engine/engine.ts';
import { addOptions, option, readOptionValues, refuseSwallowedOptions, throwUsageErrors } from '../lib/options.ts';
import type { SelectionRequest } from './discover/find-projects.ts';
import { PACKAGE_NAME } from './model/budgets.ts';
import { CODES } from './model/finding-catalog.ts';
import { SCANNERS } from './model/scan-schema.ts';
import { nameOf, settingsShape, wholeNumber } from './model/settings.ts';
import { REFERENCE } from './model/subject.ts';
import { FORMAT_NAMES } from './report/outputs.ts';

const fileName = z.string().regex(/^(-$|[^-])/, 'expects the name of a file, or - for standard output or input');
const count = (fallback: number) => wholeNumber(1, 999).default(fallback);
const engine = z.enum(ENGINE_NAMES, 'expects docker or podman');
const builder = nameOf('a builder');
const address = z.union([z.ipv4(), z.ipv6()], 'expects an IP address, such as 0.0.0.0').optional();
const code = z.union([z.enum(CODES), z.literal(true)], `expects one of: ${CODES.join(', ')}`);

const flag = (name: string, help: string) => option(name, help, z.boolean().default(false));
const file = (name: string, help: string) => option(`${name} <file>`, help, fileName.optional());

/** The options of compare itself. Those of the projects that it measures are in {@link settingsShape}. */
const compareShape = {
  inside: flag('--inside', 'show what is in each image: where its bytes are, what is waste, what should not be there'),
  explain: option('--explain [code]', 'explain a finding and how to fix it; without a code, list all', code.optional()),
  diff: flag('--diff', 'show which files two images differ in: --diff EARLIER LATER'),
  images: option(
    '--image <name>',
    'measure existing images: of the engine, docker://NAME in its registry, or an archive such as ./app.tar',
    z.array(nameOf('an image')).default([]),
  ),
  json: file('--json', 'write the report, with all measurements, to a file (- for standard output)'),
  markdown: file('--markdown', 'write the report as Markdown, for a pull request (- for standard output)'),
  chart: file('--chart', 'write a chart of the sizes as SVG to a file (- for standard output)'),
  sarif: file('--sarif', 'write the findings as SARIF, for code scanning, to a file (- for standard output)'),
  sbom: file('--sbom', 'write what is in one image as a CycloneDX SBOM to a file (- for standard output)'),
  github: flag('--github', 'in a GitHub Actions workflow: annotate the Dockerfiles and set step outputs'),
  from: file('--from', 'show a report that --json wrote (- for standard input), without an engine'),
  baseline: file('--baseline', 'show what changed since an earlier report (- for standard input)'),
  check: flag('--check', 'compare with the budgets of the configuration'),
  bench: flag('--bench', 'time starts, stops and builds, and read the memory (about 2 minutes for each image)'),
  runs: option('--runs <n>', 'how often --bench repeats each measurement (default: 5)', count(5)),
  behaviour: flag('--behaviour', 'check what a service should do: stop on SIGTERM, run read-only, become unhealthy, …'),
  strict: flag('--strict', `check --behaviour, and exit with 1 if a check fails, except for ${REFERENCE}`),
  scan: option(
    '--scan <scanner>',
    `count the known vulnerabilities with a scanner that you have installed: ${SCANNERS.join(' or ')}`,
    z.enum(SCANNERS, `expects one of: ${SCANNERS.join(', ')}`).optional(),
  ),
  keep: flag('--keep', 'keep the images and print their tags'),
  engine: option('--engine <name>', 'docker or podman (default: docker where it responds)', engine.optional()),
  builder: option('--builder <name>', "buildx builder to build with (default: the engine's own)", builder.optional()),
  publish: option(
    '--publish <address>',
    'address to publish ports on, for an engine elsewhere (default: 127.0.0.1)',
    address,
  ),
  jobs: option('--jobs <n>', 'number of parallel builds (default: one per processor)', count(availableParallelism())),
  quiet: flag('--quiet', 'print only failures: neither progress nor the table'),
  color: option('--no-color', 'do not use colour, even on a terminal', z.boolean().default(true)),
};

export type CompareOptions = Omit<z.infer<z.ZodObject<typeof compareShape>>, 'color'> &
  Pick<SelectionRequest, 'names' | 'given'>;

/** How a user starts compare: in a clone of this repository, which has the chapters, or as the package. */
interface Edition {
  /** The command without arguments. */
  command: string;
  /** The command before its arguments. */
  withArguments: string;
  hasChapters: boolean;
}

const CLONE: Edition = { command: 'npm run compare', withArguments: 'npm run compare --', hasChapters: true };
const NPX = `npx ${PACKAGE_NAME}`;
export const PACKAGE: Edition = { command: NPX, withArguments: NPX, hasChapters: false };

/** The first examples with arguments. */
const CHAPTER_EXAMPLES = ['02 03 --inside', '02/mistakes/chown-layer'];
const PROJECT_EXAMPLES = ['--inside'];

const describeUse = ({ command, withArguments, hasChapters }: Edition) => `
A project is any directory with a Dockerfile, a Dockerfile.something or a something.Dockerfile. Each of them is a variant.
All variants are compared with single. If there is none, they are compared with Dockerfile, or else with the first variant.
Write options that a project always requires to its compare.config.json (port, path, env, buildArgs, secrets, dockerfiles,
targets, budgets, …). The file may also be called compare-dockerfiles.config.json, or be the key compare-dockerfiles of the
project's package.json. Paths are relative to the directory where you run the command. compare never changes a project.

Examples:
  ${command}
${(hasChapters ? CHAPTER_EXAMPLES : PROJECT_EXAMPLES).map((line) => `  ${withArguments} ${line}`).join('\n')}
  ${withArguments} ../my-app
  ${withArguments} ../my-app --port 8080 --path /healthz --env LOG_LEVEL=warn --secret id=npmrc,src=../my-app/.npmrc
  ${withArguments} ../my-app --dockerfile docker/api.Dockerfile --target builder --target runner --no-run
  ${withArguments} --json report.json --markdown report.md
  ${withArguments} ../my-app --chart sizes.svg --sarif findings.sarif
  ${withArguments} --image ./app.tar --sbom app.cdx.json
  ${withArguments} --from report.json --inside
  ${withArguments} --check --baseline baseline.json
  ${withArguments} ../my-app --bench --behaviour --strict
  ${withArguments} --image node:26-alpine --image my/app:1.2
  ${withArguments} --image ./app.tar --image docker://ghcr.io/me/app:1.2 --platform linux/arm64
  ${withArguments} --diff my/app:1.1 my/app:1.2
  ${withArguments.replace('npm run', 'npm run -s')} ../my-app --json - | jq .comparisons

Progress goes to standard error and the table to standard output. With - for a file, that document is written to standard
output instead of the table. Colour is used only on a terminal.

Exit codes:
  0  all images were built, ran and responded
  1  an image was not built, did not run or did not respond (the others are still shown), a budget was exceeded, a check of
     --strict failed, or something else failed
  2  wrong use
  3  there is no container engine
  129, 130, 143  ended by SIGHUP, Ctrl-C or SIGTERM; the containers and images of this invocation are removed
  141  standard error was closed, as in: ${command} 2>&1 | head -3; they are removed as well`;

/**
 * Reads the command line. After --help the program exits with 0.
 *
 * @param args the arguments after the name of the program.
 * @throws {ToolError} with the code `usage`.
 */
export function readOptions(args: string[], edition = CLONE): CompareOptions {
  const { withArguments, hasChapters } = edition;
  const command = new Command(withArguments).addHelpText('after', describeUse(edition));
  if (hasChapters) {
    command
      .description('Builds the Dockerfiles of chapters or projects, runs and requests the images, and compares them.')
      .argument(
        '[chapters and directories...]',
        'chapters by name or number (02-multi-stage, 02 or 2), and directories of projects (../my-app) (default: all chapters)',
      );
  } else {
    command
      .description('Builds the Dockerfiles of projects, runs and requests the images, and compares them.')
      .argument('[directories...]', 'directories of projects (../my-app) (default: the current directory)');
  }
  throwUsageErrors(command, `Try: ${withArguments} --help`);
  addOptions(command, compareShape);
  const none = hasChapters ? ' (the chapters require none of these)' : '';
  command.optionsGroup(`How projects are built, run and requested${none}:`);
  addOptions(command, settingsShape);
  if (hasChapters) refuseSwallowedOptions(command, 'compare');
  command.parse(args, { from: 'user' });

  const { color, ...values } = readOptionValues(command, compareShape);
  const options = { ...values, names: command.args, given: readOptionValues(command, settingsShape) };
  refuseContradictions(command, options);
  // Everything that prints in colour reads it, here and in Node.
  if (!color) process.env.NO_COLOR = '1';
  // The arguments of --diff are images, which are measured like those of --image.
  const [names, images] = options.diff ? [[], options.names] : [options.names, options.images];
  return { ...options, names, images, behaviour: options.behaviour || options.strict };
}

function refuseContradictions(command: Command, options: CompareOptions): void {
  const { from, baseline, diff, names, given, images, check, keep, bench, behaviour, strict, scan } = options;
  const { engine, builder, publish, sbom } = options;
  const isProject = Object.keys(given).some((name) => name !== 'platform');
  const isEngineChosen = engine !== undefined || builder !== undefined || publish !== undefined;
  const isMeasuring = [...names, ...images, ...Object.keys(given)].length > 0 || keep || bench || behaviour || scan;
  const contradictions = {
    ...findSameFiles(options),
    'only one of --from and --baseline can be standard input': from === '-' && baseline === '-',
    '--from only shows a report: it cannot measure directories or images as well':
      from && (isMeasuring || isEngineChosen),
    '--from shows the diff that a report has: it cannot be combined with --diff': from && diff,
    '--diff cannot be combined with --image, --check, --bench, --behaviour, --strict, --scan, --sbom, --keep or options of projects':
      diff && (images.length > 0 || check || bench || behaviour || strict || scan || sbom || keep || isProject),
    '--diff expects two images, the earlier one first: --diff my/app:1.1 my/app:1.2':
      diff && (names.length !== 2 || names.includes('')),
    '--no-run cannot be combined with --behaviour and --strict': given.run === false && (behaviour || strict),
    '--builder is for Docker: Podman builds by itself': engine === 'podman' && builder !== undefined,
    '--runs requires --bench': !bench && command.getOptionValue('runs') !== undefined,
  };
  for (const [message, isContradiction] of Object.entries(contradictions)) if (isContradiction) command.error(message);
}

/** The formats that would be written to the same file, or to standard output, as messages. */
function findSameFiles(options: CompareOptions): Record<string, true> {
  const targets = FORMAT_NAMES.flatMap((name) => {
    const path = options[name];
    return path === undefined ? [] : [{ name, target: path === '-' ? path : resolve(path) }];
  });
  const messages = targets.flatMap(({ name, target }, index) => {
    const other = targets.slice(index + 1).find((one) => one.target === target);
    if (!other) return [];
    return target === '-'
      ? `only one of --${name} and --${other.name} can be standard output`
      : `--${name} and --${other.name} expect two different files`;
  });
  return Object.fromEntries(messages.map((message) => [message, true]));
}
