import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuildRequest } from '../../engine/engine.ts';
import { INVOCATION_LABEL } from '../../engine/labels.ts';
import { replaceBases } from '../../lib/dockerfile.ts';
import { ToolError } from '../../lib/errors.ts';
import type { Invocation } from '../model/measurement.ts';
import type { Subject } from '../model/subject.ts';
import { buildRequest } from './build-image.ts';
import { type BuildStep, readBuildSteps, readStepName } from './build-steps.ts';
import { copyContext, type PackageFiles } from './context-copy.ts';

/** One timed build. */
export interface TimedBuild {
  ms: number;
  steps: BuildStep[];
}

/** The builds that follow each other: from nothing, again, after an edit of the source, after a dependency was added. */
export const BUILD_KINDS = {
  cold: { name: 'cold build' },
  noop: { name: 'build without a change' },
  afterEdit: { name: 'build after an edit' },
  afterDependency: { name: 'build after a new dependency' },
} as const;

export type BuildKind = keyof typeof BUILD_KINDS;

/** What each build took, or why it was not done. */
export type TimedBuilds = Record<BuildKind, TimedBuild | string>;

export interface SequenceOptions {
  /** The images' names, to which a number is added. */
  name: string;
  /** Makes this sequence of builds different from every other one. */
  salt: string;
  onStep(kind: BuildKind, text: string): void;
  /** The package files with a dependency more, or why there are none. */
  withDependency: PackageFiles | string;
}

/**
 * Builds a subject four times in a row, each time in a copy of its context.
 *
 * The first build finds nothing in the builder's cache, and nobody's cache is emptied for it: its base images get one more
 * layer, whose content is the salt, so that the builder has never seen any of the steps; and cache mounts get names of
 * their own, through BuildKit's build argument for that
 * (https://docs.docker.com/reference/dockerfile/#buildkit-built-in-build-args). `--no-cache` would empty the user's cache
 * mounts. The base images themselves are present: pulling them is not measured.
 *
 * @throws {ToolError} when the first two builds fail. If the project cannot be edited, or not be built after the edit,
 *   the result has the reason.
 */
export async function timeBuildSequence(
  invocation: Invocation,
  subject: Subject,
  options: SequenceOptions,
): Promise<TimedBuilds> {
  const { engine, signal } = invocation;
  const { name, salt, withDependency } = options;
  const work = await mkdtemp(join(tmpdir(), 'multi-stage-node-bench-'));
  const context = join(work, 'context');
  const images: string[] = [];
  const build = async (request: TimedRequest, kind?: BuildKind) => {
    const image = `${name}-${images.length}`;
    images.push(image);
    return { image, ...(await timedBuild(invocation, request, image, kind, options)) };
  };
  try {
    const copy = await copyContext(subject, context);
    const saltedBase = async (base: string, directory: string) => {
      await mkdir(directory);
      await writeFile(join(directory, 'salt'), salt);
      await writeFile(join(directory, 'Dockerfile'), `FROM ${base}\nCOPY salt /.salt\n`);
      const { platform } = subject.settings;
      return (await build({ context: directory, dockerfile: join(directory, 'Dockerfile'), platform })).image;
    };
    const dockerfile = await saltDockerfile(subject, work, saltedBase);
    const request = buildRequest(subject);
    const buildArgs = { ...request.buildArgs, BUILDKIT_CACHE_MOUNT_NS: salt };
    const timed = (kind: BuildKind) => build({ ...request, context, dockerfile, buildArgs }, kind);
    const timedAfter = (kind: BuildKind, change: () => Promise<void>) =>
      change()
        .then(() => timed(kind))
        .catch((error: unknown) => {
          signal.throwIfAborted();
          if (error instanceof ToolError) return [error.message, ...error.lines.slice(-1)].join(' ');
          throw error;
        });

    const cold = await timed('cold');
    const noop = await timed('noop');
    const afterEdit = await timedAfter('afterEdit', () => copy.editSource());
    const afterDependency =
      typeof withDependency === 'string'
        ? withDependency
        : await timedAfter('afterDependency', () => copy.addDependency(withDependency));
    return { cold, noop, afterEdit, afterDependency };
  } finally {
    await rm(work, { recursive: true, force: true });
    // Not after an interruption: the invocation removes everything then.
    if (!signal.aborted) await Promise.allSettled(images.map((image) => engine.removeImage(image)));
  }
}

type TimedRequest = Omit<BuildRequest, 'name' | 'labels' | 'signal' | 'onLine'>;

async function timedBuild(
  { engine, id, signal }: Invocation,
  request: TimedRequest,
  image: string,
  kind: BuildKind | undefined,
  { onStep }: SequenceOptions,
): Promise<TimedBuild> {
  const lines: string[] = [];
  const { ms } = await engine.build({
    ...request,
    name: image,
    // A label with the name keeps images apart that are the same otherwise.
    labels: { [INVOCATION_LABEL]: id, 'multi-stage-node.compare-build': image },
    signal,
    onLine: (line) => {
      lines.push(line);
      const text = kind && readStepName(line);
      if (text) onStep(kind, text);
    },
  });
  return { ms, steps: readBuildSteps(lines) };
}

/** The images that a Dockerfile is built on, `scratch` included. */
function basesOf(text: string, { dockerfile, settings }: Subject): Set<string> {
  const bases = new Set<string>();
  const collect = (base: string) => {
    bases.add(base);
    return base;
  };
  replaceBases(text, dockerfile, collect, settings);
  return bases;
}

/** Writes the subject's Dockerfile into `work`, on salted base images. Returns its path. */
async function saltDockerfile(
  subject: Subject,
  work: string,
  saltedBase: (base: string, folder: string) => Promise<string>,
): Promise<string> {
  const { dockerfile, settings } = subject;
  const text = await readFile(dockerfile, 'utf8');
  const salted = new Map(
    await Promise.all(
      [...basesOf(text, subject)].map(
        async (base, index) => [base, await saltedBase(base, join(work, `base-${index}`))] as const,
      ),
    ),
  );
  const path = join(work, 'Dockerfile');
  await writeFile(
    path,
    replaceBases(text, dockerfile, (base) => salted.get(base) ?? base, settings),
  );
  // A Dockerfile may have an ignore file of its own:
  // https://docs.docker.com/build/concepts/context/#filename-and-location
  const ignore = await readFile(`${dockerfile}.dockerignore`, 'utf8').catch(() => null);
  if (ignore !== null) await writeFile(`${path}.dockerignore`, ignore);
  return path;
}
