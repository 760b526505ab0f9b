import { type Command, InvalidArgumentError } from 'commander';
import { type PartialSettings, settingsShape, VARIABLE } from './model/settings.ts';

/** The settings of a project, as commander gives them. */
export interface ProjectOptions {
  dockerfile?: string[];
  context?: string;
  target?: string[];
  buildArg?: Record<string, string>;
  secret?: string[];
  platform?: string;
  run: boolean;
  port?: number;
  path?: string;
  expectStatus?: number;
  anyAnswer?: true;
  env?: Record<string, string>;
  envFile?: string;
  ready?: string;
  edit?: string;
}

/** The options that say how something is built, run and requested. */
const PROJECT_OPTIONS = [
  ...['dockerfile', 'context', 'target', 'buildArg', 'secret', 'platform', 'run', 'port', 'path', 'expectStatus'],
  ...['anyAnswer', 'env', 'envFile', 'ready', 'edit'],
];

/** Adds the options that say how a project is built, run and requested. */
export function addProjectOptions(command: Command): Command {
  return command
    .optionsGroup('How it is built, run and requested (the chapters need none of these):')
    .option(
      '--dockerfile <file>',
      'a Dockerfile to measure, instead of all in the folder; may be repeated',
      collectFiles,
    )
    .option('--context <folder>', 'the build context, where it is not the folder itself', fileName)
    .option('--target <stage>', 'a stage to build; repeated, each is an image of its own', collectFiles)
    .option(
      '--build-arg <name[=value]>',
      'a build argument; without a value, that of the environment; may be repeated',
      variable,
    )
    .option(
      '--secret <id=…>',
      'a secret for the build, as Docker has it: id=npmrc,src=.npmrc or id=token,env=TOKEN; may be repeated',
      secret,
    )
    .option('--platform <os/arch>', 'the platform to build and run for, such as linux/arm64', platform)
    .option(
      '--port <port>',
      'the port to request (default: PORT of --env, --env-file or the image, or else the lowest of EXPOSE, or else 3000)',
      port,
    )
    .option('--path <path>', 'the path to request (default: /)', urlPath)
    .option('--expect-status <code>', 'the status that is a good answer (default: 200)', status)
    .option('--any-answer', 'do not compare the answers of the variants with each other')
    .option('-e, --env <name[=value]>', 'an environment variable for the container; may be repeated', variable)
    .option('--env-file <file>', 'a file with environment variables, as docker run reads it', fileName)
    .option('--no-run', 'only build and measure: for images that need a database, or more, to run')
    .option('--ready <text>', 'a part of the line that the app prints when it listens, for --bench')
    .option('--edit <file>', 'the source file that --bench edits, relative to the build context', fileName);
}

/** What was said, and nothing else: what is absent must not stand in the way of what a project says itself. */
export function givenSettings({
  dockerfile,
  target,
  buildArg,
  secret: secrets,
  run,
  ...rest
}: ProjectOptions): PartialSettings {
  const given = { ...rest, dockerfiles: dockerfile, targets: target, buildArgs: buildArg, secrets };
  return Object.fromEntries([
    ...Object.entries(given).filter(([, value]) => value !== undefined),
    ...(run ? [] : [['run', false]]),
  ]);
}

/** Whether one of them was typed. */
export const hasProjectOption = (command: Command) =>
  PROJECT_OPTIONS.some((name) => command.getOptionValueSource(name) === 'cli');

export function fileName(value: string): string {
  if (value === '' || (value.startsWith('-') && value !== '-')) {
    throw new InvalidArgumentError('It must be the name of a file, or - for standard output or input.');
  }
  return value;
}

function collectFiles(value: string, earlier: string[] = []): string[] {
  return [...new Set([...earlier, fileName(value)])];
}

/** `NAME=value`, or `NAME` for the value that the environment has, as Docker takes them. */
function variable(text: string, earlier: Record<string, string> = {}): Record<string, string> {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  if (!VARIABLE.test(name)) throw new InvalidArgumentError('It must be like NAME=value.');
  const value = equals < 0 ? process.env[name] : text.slice(equals + 1);
  if (value === undefined) throw new InvalidArgumentError('It has no value, here and in the environment.');
  return { ...earlier, [name]: value };
}

function secret(value: string, earlier: string[] = []): string[] {
  return [...earlier, checked('secrets', [value], 'It must be like id=npmrc,src=.npmrc or id=token,env=TOKEN.')].flat();
}

const platform = (value: string) => checked('platform', value, 'It must be like linux/arm64.');
const port = (value: string) => checked('port', Number(value), 'It must be a whole number from 1 to 65535.');
const urlPath = (value: string) => checked('path', value, 'It must begin with a slash.');
const status = (value: string) => checked('expectStatus', Number(value), 'It must be a whole number from 100 to 599.');

/** A value, as compare.config.json may have it, too. */
function checked<K extends keyof typeof settingsShape, T>(name: K, value: T, problem: string): T {
  if (!settingsShape[name].safeParse(value).success) throw new InvalidArgumentError(problem);
  return value;
}
