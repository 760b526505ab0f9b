import { resolve } from 'node:path';
import { z } from 'zod';

/** A name of an environment variable or build argument. */
export const VARIABLE = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
const PLATFORM = /^[a-z0-9]+\/[a-z0-9]+(\/[a-z0-9.]+)?$/;

const variables = z.record(z.string().regex(VARIABLE, 'it must be the name of a variable'), z.string());
const fileName = z.string().min(1);

/** What compare.config.json of a project may say, and the command line. Paths are relative to the project's folder. */
export const settingsShape = {
  dockerfiles: z
    .array(fileName)
    .min(1)
    .optional()
    .describe('The Dockerfiles to measure. Without it: every Dockerfile, Dockerfile.* and *.Dockerfile in the folder'),
  context: fileName.optional().describe('The build context. Without it: the folder'),
  targets: z.array(z.string().min(1)).min(1).optional().describe('The stages to build, each an image of its own'),
  buildArgs: variables.optional().describe('Build arguments. No secrets: they are seen in the history of the image'),
  secrets: z
    .array(z.string().refine(isSecret, 'a secret is written like id=npmrc,src=.npmrc'))
    .optional()
    .describe(
      'Secrets for the build, as docker build --secret has them: "id=npmrc,src=.npmrc" or "id=token,env=TOKEN"',
    ),
  platform: z
    .string()
    .regex(PLATFORM, 'a platform is written like linux/arm64')
    .optional()
    .describe('The platform to build and run for, such as linux/arm64'),
  run: z.boolean().optional().describe('False for an image that cannot run by itself: it is built and measured only'),
  port: z
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe(
      'The port to request. Without it: PORT of env, envFile or the image, or else the lowest of EXPOSE, or else 3000',
    ),
  path: z
    .string()
    .regex(/^\/\S*$/, 'a path begins with a slash')
    .optional()
    .describe('The path to request. Without it: /'),
  expectStatus: z.int().min(100).max(599).optional().describe('The status that is a good answer. Without it: 200'),
  anyAnswer: z
    .boolean()
    .optional()
    .describe('True for Dockerfiles that are meant to answer differently: the answers are not compared'),
  env: variables.optional().describe('Environment variables for the container'),
  envFile: fileName.optional().describe('A file with environment variables, as docker run --env-file reads it'),
  ready: z
    .string()
    .min(1)
    .optional()
    .describe('A part of the line that the app prints when it listens, for the node start of --bench'),
  edit: fileName.optional().describe('The source file that --bench edits, relative to the build context'),
};

const given = z.object(settingsShape);

/** Settings as they were given: all that is not said is absent. */
export type PartialSettings = z.infer<typeof given>;

/** Where a project's Dockerfiles are, with absolute paths. */
export type Layout = Pick<PartialSettings, 'dockerfiles' | 'context' | 'targets'>;

/** How an image is built, run and requested. Paths are absolute. */
export type Settings = Omit<PartialSettings, keyof Layout> &
  Required<Pick<PartialSettings, 'buildArgs' | 'secrets' | 'run' | 'path' | 'expectStatus' | 'anyAnswer' | 'env'>>;

/** Several givens as one, the later ones first; variables and secrets are added up, by name. */
export function mergeSettings(...all: PartialSettings[]): Settings {
  const { dockerfiles, context, targets, ...merged } = Object.assign({}, ...all) as PartialSettings;
  const secrets = new Map(all.flatMap((one) => one.secrets ?? []).map((secret) => [secretId(secret), secret]));
  return {
    run: true,
    path: '/',
    expectStatus: 200,
    anyAnswer: false,
    ...merged,
    buildArgs: Object.assign({}, ...all.map((one) => one.buildArgs)),
    env: Object.assign({}, ...all.map((one) => one.env)),
    secrets: [...secrets.values()],
  };
}

/** The same with absolute paths: those that were given are relative to `folder`. */
export function resolvePaths(settings: PartialSettings, folder: string): PartialSettings {
  const { dockerfiles, context, envFile, secrets } = settings;
  return {
    ...settings,
    ...(dockerfiles && { dockerfiles: dockerfiles.map((path) => resolve(folder, path)) }),
    ...(context !== undefined && { context: resolve(folder, context) }),
    ...(envFile !== undefined && { envFile: resolve(folder, envFile) }),
    ...(secrets && { secrets: secrets.map((secret) => absoluteSecret(secret, folder)) }),
  };
}

// A secret is a line of CSV for the builder: https://docs.docker.com/reference/cli/docker/buildx/build/#secret

type Fields = [name: string, value: string][];

function fieldsOf(secret: string): Fields {
  return [...secret.matchAll(/"(?:[^"]|"")*"|[^,]+/g)].map(([field]) => {
    const text = field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field;
    const equals = text.indexOf('=');
    return [text.slice(0, equals), text.slice(equals + 1)];
  });
}

const isFile = (name: string) => name === 'src' || name === 'source';

/** Whether a text is what `docker build --secret` takes. */
export function isSecret(secret: string): boolean {
  const fields = fieldsOf(secret);
  return (
    fields.some(([name, value]) => name === 'id' && value !== '') &&
    fields.every(([name]) => isFile(name) || ['id', 'env', 'type'].includes(name))
  );
}

const secretId = (secret: string) => fieldsOf(secret).find(([name]) => name === 'id')?.[1];

/** The file that a secret is read from, or undefined for one that is in the environment. */
export const secretFile = (secret: string) => fieldsOf(secret).find(([name]) => isFile(name))?.[1];

function absoluteSecret(secret: string, folder: string): string {
  return fieldsOf(secret)
    .map(([name, value]) => `${name}=${isFile(name) ? resolve(folder, value) : value}`)
    .map((field) => (/[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(',');
}
