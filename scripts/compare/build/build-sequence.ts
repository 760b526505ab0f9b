import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isolatedBuilder } from '../../engine/engine.ts';
import { readIgnoreFile } from '../../lib/dockerignore.ts';
import { summarizeError } from '../../lib/errors.ts';
import type { Invocation } from '../model/measurement.ts';
import type { Subject } from '../model/subject.ts';
import { buildImage, type ImageRequest, toBuildRequest } from './build-image.ts';
import type { BuildStep } from './build-steps.ts';
import { copyContext } from './copy-context.ts';
import { addDependency, editSource } from './edit-copy.ts';
import { copyDockerfile, saltDockerfile } from './salt-dockerfile.ts';

/** One timed build, in milliseconds. */
export interface TimedBuild {
  ms: number;
  steps: BuildStep[];
}

/** The builds of a sequence in order, with their keys in the report and their names in the progress. */
const BUILDS = {
  buildColdMs: 'cold build',
  buildNoopMs: 'build without a change',
  buildAfterEditMs: 'build after an edit',
  buildAfterDependencyMs: 'build after a new dependency',
} as const;

export type BuildKey = keyof typeof BUILDS;

/** What each build took, or why it was not done. */
type TimedBuilds = Record<BuildKey, TimedBuild | string>;

const CACHE_MOUNT = /--mount=\S*type=cache/;
const SHARED_CACHE_MOUNTS = 'Podman has one set of cache mounts, which other builds have filled';

interface SequenceOptions {
  /** Begins the names of the images that are built, and makes this sequence different from every other one. */
  name: string;
  onStep(text: string): void;
}

/**
 * Builds a subject four times in a row, in a copy of its context.
 *
 * The first build finds nothing in the builder's cache, and nobody's cache is emptied for it: its base images are salted,
 * so that the builder has never seen any of the steps; and cache mounts get names of their own, through BuildKit's build
 * argument for that (https://docs.docker.com/reference/dockerfile/#buildkit-built-in-build-args). `--no-cache` would empty
 * the user's cache mounts. The base images themselves are present: downloading them is not measured. A builder that does
 * not have the engine's images cannot be given salted ones: only a build without a change is timed there.
 *
 * @throws {ToolError} when one of the first two builds fails. If the project cannot be edited, or not be built after that,
 *   the result has the reason.
 */
export async function timeBuildSequence(
  invocation: Invocation,
  subject: Subject,
  { name, onStep }: SequenceOptions,
): Promise<TimedBuilds> {
  const { engine, signal } = invocation;
  const directory = await mkdtemp(join(invocation.directory, 'bench-'));
  const context = join(directory, 'context');
  const images: string[] = [];
  const build = (request: ImageRequest, report?: (step: string) => void) => {
    images.push(request.name);
    return buildImage(invocation, request, report);
  };
  try {
    const ignore = await readIgnoreFile(subject.context, subject.dockerfile, engine.info.builder);
    await copyContext(subject.context, ignore, context);
    const isolated = isolatedBuilder(engine.info);
    const dockerfile = isolated
      ? await copyDockerfile(subject, directory)
      : await saltDockerfile(subject, directory, name, build);
    // Named after the Dockerfile, it counts wherever it was before.
    if (ignore.text !== null) await writeFile(`${dockerfile}.dockerignore`, ignore.text);
    const request = { ...toBuildRequest(subject), context, dockerfile, cacheMounts: name };
    const time = (key: BuildKey): Promise<TimedBuild> =>
      build({ ...request, name: `${name}-${key}` }, (step) => onStep(`${BUILDS[key]}: ${step}`));
    const timeAfter = async (change: () => Promise<void>, key: BuildKey) => {
      try {
        await change();
        return await time(key);
      } catch (error) {
        signal.throwIfAborted();
        return summarizeError(error);
      }
    };
    // Podman's are shared by all builds, and what is in them is not known.
    const isShared = engine.info.builder === 'buildah' && CACHE_MOUNT.test(await readFile(dockerfile, 'utf8'));
    const unlessShared = (build: TimedBuild | string) => (isShared ? SHARED_CACHE_MOUNTS : build);
    if (isolated) {
      const reason = `the builder ${isolated.name} (${isolated.driver}) does not have the engine's images, and so no base image that it has never seen`;
      await time('buildColdMs');
      const others = { buildColdMs: reason, buildAfterEditMs: reason, buildAfterDependencyMs: reason };
      return { ...others, buildNoopMs: await time('buildNoopMs') };
    }
    return {
      buildColdMs: unlessShared(await time('buildColdMs')),
      buildNoopMs: await time('buildNoopMs'),
      buildAfterEditMs: await timeAfter(() => editSource(context, subject.settings.edit), 'buildAfterEditMs'),
      buildAfterDependencyMs: unlessShared(await timeAfter(() => addDependency(context), 'buildAfterDependencyMs')),
    };
  } finally {
    // What stays is in the directory of the invocation, which removes it or reports it.
    await rm(directory, { recursive: true, force: true }).catch(() => {});
    // Not after an interruption: the invocation removes everything then.
    if (!signal.aborted) await Promise.allSettled(images.map((image) => engine.removeImage(image)));
  }
}
