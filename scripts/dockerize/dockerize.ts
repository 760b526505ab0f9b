import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { findChapterDirectories } from '../compare/discover/chapters.ts';
import type { Directories } from '../compare/discover/find-projects.ts';
import { mergeSettings, type PartialSettings, readSecret, resolvePaths } from '../compare/model/settings.ts';
import { cacheDirectory } from '../compare/pipeline.ts';
import { renderVerification, type Verification, verifyImage } from '../compare/verify-image.ts';
import { withInvocation } from '../compare/with-invocation.ts';
import { EXIT, usageError } from '../lib/errors.ts';
import { hasColour } from '../lib/format.ts';
import { print, printError } from '../lib/print.ts';
import { provideBasesOf } from '../setup/provide-bases-of.ts';
import { advise } from './advise.ts';
import { askForMissing } from './ask.ts';
import { describeLook } from './describe-look.ts';
import { type Given, type Look, lookAtProject } from './look-at-project.ts';
import { makePlan } from './make-plan.ts';
import type { Plan, Shape } from './plan-model.ts';
import { writeDockerfile } from './write/write-dockerfile.ts';
import { writeProjectFiles } from './write/write-files.ts';
import { writeIgnoreFile } from './write/write-ignore-file.ts';

/** What the user asks for. */
export interface DockerizeOptions {
  directory: string;
  like: Shape;
  verify: boolean;
  dryRun: boolean;
  force: boolean;
  /** What the user says of the project. */
  facts: Pick<Given, 'workspace' | 'node' | 'entry' | 'args'>;
  /** How the image is built, run and requested. Paths are relative to the user's directory. */
  given: PartialSettings;
}

/**
 * Looks at a project, writes its Dockerfile and .dockerignore, and tries the image. Returns the exit code.
 *
 * @throws {ToolError} with the code `usage` for what cannot be known, or when there is no engine to try the image on.
 */
export async function dockerize(
  { like, verify, dryRun, force, facts, ...options }: DockerizeOptions,
  { root, current }: Directories & { root: string },
  signal: AbortSignal,
): Promise<number> {
  const named = resolve(current, options.directory);
  // With the slash, a file has no real path.
  const directory = await realpath(join(named, '/')).catch(() => {
    throw usageError(`There is no directory ${named}.`);
  });
  const { port, path, secrets = [], buildArgs = {} } = options.given;
  const ids = secrets.map((secret) => readSecret(secret).id ?? '');
  const lookAndPlan = (given: Given) => {
    const look = lookAtProject(directory, given);
    return { look, plan: makePlan(look, like, given) };
  };
  const known = { ...facts, port, path, secrets: ids, buildArgs: Object.keys(buildArgs) };
  const { look, plan } = await askForMissing(known, lookAndPlan, signal);
  printError([`Found in ${directory}:`, ...describeLook(look, plan)].join('\n'));

  const [chapter = ''] = (await findChapterDirectories(root)).filter((name) => name.startsWith(like));
  const readTemplate = (name: string) => readFile(join(root, chapter, name), 'utf8');
  const dockerfile = writeDockerfile(plan, await readTemplate('Dockerfile.multi'));
  const ignoreFile = writeIgnoreFile(look.project.read('.dockerignore'), await readTemplate('.dockerignore'), {
    needed: findNeeded(look, plan),
    others: [...(look.workspace?.others ?? []), ...look.project.files.filter((file) => file.startsWith('.pnp.'))],
    // What a framework keeps between builds.
    outputs: [look.build?.outputs ?? [], look.framework?.cache ?? []].flat(),
    secrets: look.project.files.filter((file) => isTokenFile(look, file)),
  });
  const written = await writeProjectFiles(directory, { dockerfile, ignoreFile }, { force, dryRun });
  if (dryRun) {
    print(dockerfile.trimEnd());
    return EXIT.ok;
  }
  const { path: file, backup } = written.dockerfile;
  for (const one of [written.dockerfile, written.ignoreFile]) {
    printError(`${one.path}: ${one.action}${one.backup === null ? '' : `; the old one is ${one.backup}`}`);
  }
  if (!verify) {
    printError(toBuild(file));
    return EXIT.ok;
  }

  const given = resolvePaths(options.given, current);
  const settings = mergeSettings({ port: plan.port, path: look.health?.value ?? '/', anyAnswer: true }, given);
  // Of a path that is not a health route, it is not known what its status should be.
  const expectStatus = given.expectStatus ?? (settings.path === look.health?.value ? 200 : null);
  const request = {
    directory,
    dockerfile: file,
    previous: backup ?? (basename(file) === 'Dockerfile' ? null : join(directory, 'Dockerfile')),
    settings: { ...settings, expectStatus },
    writesToApp: plan.writes.length > plan.volumes.length,
    cacheDirectory: cacheDirectory(root),
  };
  const verified = withInvocation({ quiet: false }, signal, async (invocation) => {
    await provideBasesOf(file, invocation);
    return verifyImage(invocation, request);
  });
  const result = await verified.catch((error) => {
    printError(notVerified(file));
    throw error;
  });
  return printResult(result, look, { file, text: dockerfile });
}

/** Podman's own format of images has no health check. */
const PROGRAMS: Record<string, string> = { docker: 'docker build', podman: 'podman build --format docker' };
const toBuild = (file: string, engine = 'docker') =>
  `To build it: ${PROGRAMS[engine]} -t ${basename(dirname(file))} -f ${file} ${dirname(file)}`;
const notVerified = (file: string) => `${file} is not verified.`;

/** Prints what was verified, and what to do next. Returns the exit code. */
function printResult(result: Verification, look: Look, { file, text }: { file: string; text: string }): number {
  const { checks, error, isBuilt } = result;
  // compare's option with this meaning has another name.
  print(renderVerification(result, hasColour()).replaceAll('--no-run', '--no-verify'));
  if (error === null && checks.every(({ ok }) => ok !== false)) {
    printError(`${file} is verified. ${toBuild(file, result.report.engine?.name)}`);
    return EXIT.ok;
  }
  const lines = text.split('\n');
  const at = lines.findIndex((line) => line.startsWith('CMD '));
  // Of a build that failed, the error names the line.
  const command = error !== null && isBuilt ? `The container runs ${basename(file)}:${at + 1}: ${lines[at]}` : '';
  const advice = error === null ? '' : advise(error, look);
  printError([notVerified(file), command, advice].filter(Boolean).join('\n'));
  return EXIT.failed;
}

/** The files that settings of tools are in: a build may read any of them, but for these. */
const CONFIGURATION =
  /^(?!.*(compose|lint|prettier|ecosystem|nodemon|renovate))([^/]+\.(json|ya?ml|toml|[cm]?[jt]s)|\.[^/]*rc(\.\w+)?)$/;

/** Whether a file may hold a token. An .npmrc without one is among the files that the installation reads. */
const isTokenFile = ({ needs }: Look, file: string) =>
  !needs.inputs.includes(file) && (file === needs.secretFile?.value || /(^|\/)\.npmrc$/.test(file));

/** What the build needs of the build context. */
function findNeeded(look: Look, plan: Plan): string[] {
  const { project, scan, workspace } = look;
  const isConfiguration = (file: string) =>
    CONFIGURATION.test(posix.relative(project.app, file)) && !isTokenFile(look, file);
  return [
    ...plan.manifests.flatMap(({ files }) => files),
    ...scan.files,
    ...plan.copies.filter(({ from }) => from === 'context').map(({ path }) => path),
    ...project.files.filter(isConfiguration),
    ...(workspace?.needed ?? []).map(({ path }) => path).filter(Boolean),
  ];
}
