import { resolve } from 'node:path';
import { z } from 'zod';
import { option } from '../../lib/options.ts';

/** The name of something: a value that begins with a dash is the next option of the command line. */
export const nameOf = (what: string) => z.string().regex(/^[^-]/, `expects the name of ${what}`);

export function wholeNumber(min: number, max: number) {
  const error = `expects a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

const VARIABLE = 'expects NAME=value, or the NAME of a variable that is set in the environment';
const variables = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]*$/), z.string(VARIABLE), VARIABLE);
const secret = z.string().refine((line) => {
  const { id, src, env, type, ...others } = readSecret(line);
  // With both, the builder takes the variable, and checks of the file would be in vain.
  const isAmbiguous = src !== undefined && (env !== undefined || type === 'env');
  return Boolean(id) && !isAmbiguous && Object.keys(others).length === 0;
}, 'expects id=npmrc,src=.npmrc or id=token,env=TOKEN');
const platform = z.string().regex(/^[a-z0-9]+\/[a-z0-9]+(\/[a-z0-9.]+)?$/, 'expects a platform such as linux/arm64');
const urlPath = z.string().regex(/^\/\S*$/, 'expects a path that begins with a slash');
const text = z.string().min(1, 'expects a text');
const flag = z.boolean();
const files = z.array(nameOf('a file')).min(1);
const secrets = z.array(secret);
const stages = z.array(nameOf('a stage')).min(1);

const setting = <T extends z.ZodType>(name: string, help: string, schema: T) => option(name, help, schema.optional());

/**
 * The settings of a project: keys of its compare.config.json, and options of the command line. Paths in the file are
 * relative to the project's directory, those of the command line to the user's.
 */
export const settingsShape = {
  dockerfiles: setting('--dockerfile <file>', 'Dockerfiles to measure (default: all in the directory)', files),
  context: setting('--context <directory>', 'build context (default: the directory)', nameOf('a directory')),
  targets: setting('--target <stage>', 'stages to build, each as an image (default: the last)', stages),
  buildArgs: setting('--build-arg <name[=value]>', 'build arguments; not for secrets: images show them', variables),
  secrets: setting('--secret <id=…>', 'secrets as in docker build: id=npmrc,src=.npmrc or id=token,env=TOKEN', secrets),
  platform: setting('--platform <os/arch>', 'platform to build and run for, such as linux/arm64', platform),
  run: setting('--no-run', 'only build and inspect images, because they require a database or more to run', flag),
  port: setting(
    '--port <port>',
    'port to request (default: PORT of env, env-file or the image, or else the lowest of EXPOSE, or else 3000)',
    wholeNumber(1, 65_535),
  ),
  path: setting('--path <path>', 'path to request (default: /)', urlPath),
  expectStatus: setting('--expect-status <code>', 'HTTP status to expect (default: 200)', wholeNumber(100, 599)),
  anyAnswer: setting('--any-answer', 'do not compare the responses of variants that are meant to differ', flag),
  env: setting('-e, --env <name[=value]>', 'environment variables for the container', variables),
  envFile: setting('--env-file <file>', 'file with environment variables, as in docker run', nameOf('a file')),
  ready: setting('--ready <text>', 'part of the line that the app prints when it listens, for --bench', text),
  edit: setting('--edit <file>', 'source file that --bench edits, relative to the build context', nameOf('a file')),
};

/** Settings of one origin: those that it does not have are absent. */
export type PartialSettings = z.infer<z.ZodObject<typeof settingsShape>>;

/** Where a project's Dockerfiles are, with absolute paths. */
export type Layout = Pick<PartialSettings, 'dockerfiles' | 'context' | 'targets'>;

/** How an image is built, run and requested. Paths are absolute. */
export type Settings = Omit<PartialSettings, keyof Layout | 'expectStatus'> &
  Required<Pick<PartialSettings, 'buildArgs' | 'secrets' | 'run' | 'path' | 'anyAnswer' | 'env'>> & {
    /** The HTTP status to expect; null for any that is not an error of the server. */
    expectStatus: number | null;
  };

/** Merges settings. Later ones replace earlier ones; variables and secrets are replaced by name. */
export function mergeSettings(...all: PartialSettings[]): Settings {
  const { dockerfiles, context, targets, ...merged }: PartialSettings = Object.assign({}, ...all);
  const secrets = all.flatMap((settings) => settings.secrets ?? []);
  return {
    run: true,
    path: '/',
    expectStatus: 200,
    anyAnswer: false,
    ...merged,
    buildArgs: Object.assign({}, ...all.map(({ buildArgs }) => buildArgs)),
    env: Object.assign({}, ...all.map(({ env }) => env)),
    secrets: [...new Map(secrets.map((one) => [readSecret(one).id, one])).values()],
  };
}

/** Makes the paths in settings absolute. They are relative to `directory`. */
export function resolvePaths(settings: PartialSettings, directory: string): PartialSettings {
  const { dockerfiles, context, envFile, secrets } = settings;
  return {
    ...settings,
    ...(dockerfiles && { dockerfiles: dockerfiles.map((path) => resolve(directory, path)) }),
    ...(context !== undefined && { context: resolve(directory, context) }),
    ...(envFile !== undefined && { envFile: resolve(directory, envFile) }),
    ...(secrets && { secrets: secrets.map((one) => resolveSecret(one, directory)) }),
  };
}

/** The fields of a secret, which is a line of CSV: https://docs.docker.com/reference/cli/docker/buildx/build/#secret */
export function readSecret(line: string): Record<string, string> {
  const fields = [...line.matchAll(/"((?:[^"]|"")*)"|[^,]+/g)].map(
    ([field, quoted]) => /^(.*?)=(.*)$/s.exec(quoted?.replaceAll('""', '"') ?? field) ?? [field, field],
  );
  return Object.fromEntries(fields.map(([, name = '', value = '']) => [name === 'source' ? 'src' : name, value]));
}

/** The file of a secret; undefined for one that is in the environment. */
export const secretFile = (line: string): string | undefined => readSecret(line).src;

function resolveSecret(line: string, directory: string): string {
  return Object.entries(readSecret(line))
    .map(([name, value]) => `${name}=${name === 'src' ? resolve(directory, value) : value}`)
    .map((field) => (/[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(',');
}
