import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BuildRequest, type Engine, RUN_LABEL } from '../../engine/engine.ts';
import { replaceBases } from '../../lib/dockerfile.ts';
import { ToolError } from '../../lib/errors.ts';
import { buildStep } from '../../lib/progress.ts';
import type { Subject } from '../model/subject.ts';
import { buildRequest } from './build-image.ts';
import { type BuildStep, readBuildSteps } from './build-steps.ts';
import { copyContext, editSource, type Manifests } from './context-copy.ts';

/** One timed build. */
export interface TimedBuild {
  ms: number;
  steps: BuildStep[];
}

/** The builds that follow each other: from nothing, again, after an edit of the source, after a dependency was added. */
export type BuildKind = 'cold' | 'noop' | 'afterEdit' | 'afterDependency';

/** What each build took, or why it was not done. */
export type TimedBuilds = Record<BuildKind, TimedBuild | string>;

export interface EditOptions {
  runId: string;
  /** The images' names, to which a number is added. */
  name: string;
  /** What makes this sequence of builds one of its own. */
  salt: string;
  signal: AbortSignal;
  onStep(kind: BuildKind, text: string): void;
}

export interface BuildOptions extends EditOptions {
  /** Or why there is none to try. */
  withDependency: Manifests | string;
}

/**
 * Builds a subject four times in a row, each time in a copy of its context.
 *
 * The first build finds nothing in the builder's cache, and nobody's cache is emptied for it: its base images get one more
 * layer, whose content is the salt, so that every step is one that the builder has never seen; and cache mounts get names
 * of their own, through BuildKit's build argument for that
 * (https://docs.docker.com/reference/dockerfile/#buildkit-built-in-build-args). `--no-cache` would empty the user's cache
 * mounts. The base images themselves are there already: what it takes to pull them is not measured.
 *
 * @throws {ToolError} when the first two builds fail. That the project cannot be edited, or not be built then, is a reason.
 */
export async function measureBuilds(engine: Engine, subject: Subject, options: BuildOptions): Promise<TimedBuilds> {
  const { name, salt, signal } = options;
  const work = await mkdtemp(join(tmpdir(), 'multi-stage-node-bench-'));
  const context = join(work, 'context');
  const images: string[] = [];
  const build = async (request: TimedRequest, kind?: BuildKind) => {
    const image = `${name}-${images.length}`;
    images.push(image);
    return { image, ...(await timedBuild(engine, request, image, kind, options)) };
  };
  try {
    const copy = await copyContext(subject, context);
    const saltedBase = async (base: string, folder: string) => {
      await mkdir(folder);
      await writeFile(join(folder, 'salt'), salt);
      await writeFile(join(folder, 'Dockerfile'), `FROM ${base}\nCOPY salt /.salt\n`);
      const { platform } = subject.settings;
      return (await build({ context: folder, dockerfile: join(folder, 'Dockerfile'), platform })).image;
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
    const { withDependency } = options;
    const afterDependency =
      typeof withDependency === 'string'
        ? withDependency
        : await timedAfter('afterDependency', () => copy.addDependency(withDependency));
    return { cold, noop, afterEdit, afterDependency };
  } finally {
    await rm(work, { recursive: true, force: true });
    // Not when it was interrupted: the run removes everything then.
    if (!signal.aborted) await Promise.allSettled(images.map((image) => engine.removeImage(image)));
  }
}

type TimedRequest = Omit<BuildRequest, 'name' | 'labels' | 'signal' | 'onLine'>;

/** Builds an image, and says what that took. */
async function timedBuild(
  engine: Engine,
  request: TimedRequest,
  image: string,
  kind: BuildKind | undefined,
  { runId, signal, onStep }: EditOptions,
): Promise<TimedBuild> {
  const lines: string[] = [];
  const { ms } = await engine.build({
    ...request,
    name: image,
    // A label with the name keeps images apart that are the same otherwise.
    labels: { [RUN_LABEL]: runId, 'multi-stage-node.compare-build': image },
    signal,
    onLine: (line) => {
      lines.push(line);
      const text = kind && buildStep(line);
      if (text) onStep(kind, text);
    },
  });
  return { ms, steps: readBuildSteps(lines) };
}

/** Why builds are missing where only the one after an edit is timed. */
const NOT_TIMED = 'only the build after an edit was timed';

/**
 * Edits a subject's source, in its build context itself, and builds it: all that does not depend on the source is in the
 * layer cache, from the build before.
 *
 * @throws {ToolError} when the build fails, or there is no source file to edit.
 */
export async function measureEdit(engine: Engine, subject: Subject, options: EditOptions): Promise<TimedBuilds> {
  const { name, salt, signal } = options;
  await editSource(subject.context, subject.settings.edit, salt);
  const image = `${name}-0`;
  try {
    const afterEdit = await timedBuild(engine, buildRequest(subject), image, 'afterEdit', options);
    return { cold: NOT_TIMED, noop: NOT_TIMED, afterEdit, afterDependency: NOT_TIMED };
  } finally {
    // Not when it was interrupted: the run removes everything then. There is none if the build has failed.
    if (!signal.aborted) await engine.removeImage(image).catch(() => {});
  }
}

/** The images that a Dockerfile is built on, `scratch` included. */
function basesOf(text: string, { dockerfile, settings }: Subject): Set<string> {
  const bases = new Set<string>();
  const note = (base: string) => {
    bases.add(base);
    return base;
  };
  replaceBases(text, dockerfile, note, settings);
  return bases;
}

/** Writes the subject's Dockerfile into `work`, on base images that are made anew. Returns its path. */
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
  // A Dockerfile may have a file of its own with what to ignore:
  // https://docs.docker.com/build/concepts/context/#filename-and-location
  const ignore = await readFile(`${dockerfile}.dockerignore`, 'utf8').catch(() => null);
  if (ignore !== null) await writeFile(`${path}.dockerignore`, ignore);
  return path;
}
