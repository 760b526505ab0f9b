import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { type Engine, type ImageFacts, RUN_LABEL } from '../engine/engine.ts';
import { readDockerfile } from '../lib/dockerfile.ts';
import { readIgnoreFile } from '../lib/dockerignore.ts';
import { describeError, ToolError } from '../lib/errors.ts';
import type { Progress } from '../lib/progress.ts';
import { isStandIn } from '../setup/base-images.ts';
import { STAND_IN_LABEL } from '../setup/stand-ins.ts';
import { type ContextFacts, measureContext } from './build/build-context.ts';
import { buildSubject } from './build/build-image.ts';
import { inspectImage } from './inspect/inspect-image.ts';
import { MeasurementCache } from './inspect/layer-cache.ts';
import { type ImageLayers, readLayers } from './inspect/read-layers.ts';
import { type Subject, subjectName } from './model/subject.ts';
import type { Measurement } from './report/create-report.ts';

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/multi-stage-node');

/** The images of a run have names of this repository while it lasts. */
export const RUN_IMAGES = 'multi-stage-node/compare';

/** What all steps of one run share. */
export interface Run {
  engine: Engine;
  id: string;
  signal: AbortSignal;
  progress: Progress;
}

/** Does one step for one subject. An error becomes part of the measurement; an interruption ends the run. */
export async function attempt(run: Run, measurement: Measurement, step: () => Promise<void>): Promise<boolean> {
  run.signal.throwIfAborted();
  try {
    await step();
    return true;
  } catch (error) {
    run.signal.throwIfAborted();
    measurement.error = describeError(error);
    return false;
  }
}

/** Those for which nothing has failed so far. */
export const good = <M extends Measurement>(measurements: M[]) =>
  measurements.filter(({ error }) => error === undefined);

export async function readBases(run: Run, measurements: Measurement<Subject>[]): Promise<void> {
  for (const measurement of measurements) {
    await attempt(run, measurement, async () => {
      const { dockerfile, file, target, settings } = measurement.subject;
      const text = await readFile(dockerfile, 'utf8');
      const { bases, finalBase } = readDockerfile(text, file, { ...settings, target });
      measurement.base = finalBase;
      const marks = await Promise.all(bases.map((base) => isStandIn(run.engine, base)));
      measurement.standIn = marks.includes(true);
    });
  }
}

/** Measures the build contexts, each once. One that cannot be read is the builder's to complain of. */
export async function readContexts(run: Run, measurements: Measurement<Subject>[]): Promise<void> {
  const known = new Map<string, Promise<ContextFacts | undefined>>();
  const task = run.progress.task('build contexts');
  for (const measurement of good(measurements)) {
    const { context, dockerfile } = measurement.subject;
    const ignore = await readIgnoreFile(context, dockerfile);
    const key = `${context}\0${ignore.name}`;
    task.update(`reading ${context}`);
    const facts = known.get(key) ?? measureContext(context, ignore, run.signal).catch(() => undefined);
    known.set(key, facts);
    measurement.context = await facts;
    run.signal.throwIfAborted();
  }
  task.done('read');
}

export async function buildAll(run: Run, measurements: Measurement<Subject>[], jobs: number): Promise<void> {
  const limit = pLimit(jobs);
  const builds = good(measurements).map((measurement, index) =>
    limit(() => buildOne(run, measurement, `${RUN_IMAGES}:${run.id}-${index}`)),
  );
  // An interruption ends every build: none may still be running when the run cleans up.
  await Promise.allSettled(builds);
  await Promise.all(builds);
}

async function buildOne(run: Run, measurement: Measurement<Subject>, name: string): Promise<void> {
  const task = run.progress.task(subjectName(measurement.subject));
  task.update('building');
  const ok = await attempt(run, measurement, async () => {
    const { id: runId, signal } = run;
    const { image, ms } = await buildSubject(run.engine, measurement.subject, {
      runId,
      name,
      signal,
      onStep: task.update,
    });
    measurement.image = image;
    measurement.buildMs = ms;
    checkPlatform(image, measurement.subject.settings.platform);
  });
  if (ok) task.done('built');
  else task.fail('not built');
}

/** @throws {ToolError} for an image for another platform: a builder may take a local base image for one without a word. */
export function checkPlatform({ platform }: Pick<ImageFacts, 'platform'>, wanted: string | undefined): void {
  // `linux/arm` includes its variants; the only one of `linux/arm64` is told or not.
  const plain = (text: string) => `${text.replace('arm64/v8', 'arm64')}/`;
  if (wanted === undefined || plain(platform).startsWith(plain(wanted))) return;
  throw new ToolError(`The image was built for ${platform}, not for ${wanted}.`, {
    hint: `The engine has its base image for ${platform} only: docker pull --platform ${wanted} <base image>`,
  });
}

/** Finds the images that were given by name. A registry is never asked. */
export async function findImages(run: Run, measurements: Measurement[]): Promise<void> {
  for (const measurement of measurements) {
    await attempt(run, measurement, async () => {
      const name = measurement.subject.variant;
      const image = await run.engine.image(name);
      if (!image) throw new ToolError(`The engine has no image ${name}.`, { hint: `To fetch it: docker pull ${name}` });
      measurement.image = image;
      measurement.standIn = STAND_IN_LABEL in image.labels;
    });
  }
}

/** Reads the layers of all images, and says of each what is in it. */
export async function measureAll(run: Run, measurements: Measurement[]): Promise<void> {
  const made = good(measurements);
  if (made.length === 0) return;
  const task = run.progress.task('sizes');
  task.update('waiting for the engine to save the layers');
  let bytes = 0;
  try {
    const images = made.map(({ image }) => image as ImageFacts);
    const layers = await readLayers(run.engine, images, new MeasurementCache(CACHE), {
      signal: run.signal,
      onBytes: (count) => {
        bytes += count;
        if (bytes > 1e6) task.update(`read ${Math.round(bytes / 1e6)} MB of layers`);
      },
    });
    for (const measurement of made) {
      await attempt(run, measurement, async () => {
        const image = measurement.image as ImageFacts;
        const ofImage = layers.get(image.id) as ImageLayers;
        measurement.layers = ofImage.layers;
        Object.assign(measurement, inspectImage(image, ofImage, await countBaseLayers(run, measurement)));
      });
    }
    task.done('measured');
  } catch (error) {
    run.signal.throwIfAborted();
    task.fail('not measured');
    for (const measurement of made) measurement.error = describeError(error);
  }
}

/** How many of an image's lowest layers are its base image's; null when the engine does not have that as it was. */
async function countBaseLayers({ engine }: Run, { base, image }: Measurement): Promise<number | null> {
  if (base === undefined) return null;
  if (base === 'scratch') return 0;
  const below = (await engine.image(base))?.diffIds;
  return below?.every((diffId, index) => image?.diffIds[index] === diffId) ? below.length : null;
}

/** A name as an image's may be; one that had to be changed gets a mark of its own, so that two stay two. */
export function asImageName(name: string): string {
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  if (plain === name) return name;
  return `${plain || 'x'}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

export async function tagAll({ engine, progress }: Run, measurements: Measurement<Subject>[]): Promise<void> {
  for (const { subject, image } of measurements) {
    if (!image) continue;
    const name = `multi-stage-node/${asImageName(subject.chapter)}:${asImageName(subject.variant)}`;
    const before = await engine.image(name);
    await engine.tag(image.id, name);
    // An image that an earlier run kept has lost its name now.
    if (before?.labels[RUN_LABEL]) await engine.removeImage(before.id).catch(() => {});
    progress.note(`kept ${name}`);
  }
}

/** Removes what carries this run's label, found anew: a container may exist whose id we never got. */
export async function cleanUp({ engine, id }: Run, keepImages: boolean): Promise<void> {
  const say = (error: unknown) => console.error(`Not removed: ${describeError(error)}`);
  try {
    const { containers, images } = await engine.labelled(RUN_LABEL, id);
    for (const container of containers) await engine.removeContainer(container).catch(say);
    // A kept image has a name of its own and loses only that of this run.
    const unwanted = images.filter((name) => !keepImages || name.startsWith(`${RUN_IMAGES}:`));
    for (const image of unwanted) await engine.removeImage(image).catch(say);
  } catch (error) {
    say(error);
  }
}
