import { readFile } from 'node:fs/promises';
import pLimit from 'p-limit';
import type { ImageFacts } from '../../engine/engine.ts';
import { isStandIn } from '../../engine/labels.ts';
import { readDockerfile } from '../../lib/dockerfile.ts';
import { readIgnoreFile } from '../../lib/dockerignore.ts';
import { ToolError } from '../../lib/errors.ts';
import { attempt, type Invocation, type Measurement, withoutErrors } from '../model/measurement.ts';
import type { BuildContext } from '../model/report-schema.ts';
import { type Subject, subjectName } from '../model/subject.ts';
import { buildSubject } from './build-image.ts';
import { measureContext } from './measure-context.ts';

/** The repository of the images' names while the invocation lasts. */
export const TEMPORARY_IMAGES = 'multi-stage-node/compare';

/**
 * Builds every subject's image, at most `jobs` at a time, and measures the build contexts. What fails becomes part of the
 * measurement.
 */
export async function buildSubjects(
  invocation: Invocation,
  measurements: Measurement<Subject>[],
  jobs: number,
): Promise<void> {
  await readBaseImages(invocation, measurements);
  await measureContexts(invocation, measurements);
  const limit = pLimit(jobs);
  const builds = withoutErrors(measurements).map((measurement, index) =>
    limit(() => buildOne(invocation, measurement, `${TEMPORARY_IMAGES}:${invocation.id}-${index}`)),
  );
  // An interruption ends every build: none may still run when the invocation cleans up.
  await Promise.allSettled(builds);
  await Promise.all(builds);
}

async function readBaseImages(invocation: Invocation, measurements: Measurement<Subject>[]): Promise<void> {
  for (const measurement of measurements) {
    await attempt(invocation, measurement, async () => {
      const { dockerfile, file, target, settings } = measurement.subject;
      const text = await readFile(dockerfile, 'utf8');
      const { bases, finalBase } = readDockerfile(text, file, { ...settings, target });
      measurement.base = finalBase;
      const marks = await Promise.all(bases.map(async (name) => isStandIn(await invocation.engine.image(name), name)));
      measurement.standIn = marks.includes(true);
    });
  }
}

/** Measures each build context once. One that cannot be read makes the build fail, which says why. */
async function measureContexts(invocation: Invocation, measurements: Measurement<Subject>[]): Promise<void> {
  const known = new Map<string, Promise<BuildContext | undefined>>();
  const task = invocation.progress.task('build contexts');
  for (const measurement of withoutErrors(measurements)) {
    const { context, dockerfile } = measurement.subject;
    const ignore = await readIgnoreFile(context, dockerfile);
    const key = `${context}\0${ignore.name}`;
    task.update(`reading ${context}`);
    const facts = known.get(key) ?? measureContext(context, ignore, invocation.signal).catch(() => undefined);
    known.set(key, facts);
    measurement.context = await facts;
    invocation.signal.throwIfAborted();
  }
  task.done('read');
}

async function buildOne(invocation: Invocation, measurement: Measurement<Subject>, name: string): Promise<void> {
  const task = invocation.progress.task(subjectName(measurement.subject));
  task.update('building');
  const ok = await attempt(invocation, measurement, async () => {
    const { image, ms } = await buildSubject(invocation, measurement.subject, { name, onStep: task.update });
    measurement.image = image;
    measurement.build = { ms: Math.round(ms) };
    checkPlatform(image, measurement.subject.settings.platform);
  });
  if (ok) task.done('built');
  else task.fail('not built');
}

/**
 * @throws {ToolError} for an image for another platform: a builder may use a local base image for one without a warning.
 */
export function checkPlatform({ platform }: Pick<ImageFacts, 'platform'>, expected: string | undefined): void {
  // `linux/arm` includes its variants; the only variant of `linux/arm64` may be left out.
  const plain = (text: string) => `${text.replace('arm64/v8', 'arm64')}/`;
  if (expected === undefined || plain(platform).startsWith(plain(expected))) return;
  throw new ToolError(`The image was built for ${platform}, not for ${expected}.`, {
    hint: `The engine has its base image for ${platform} only: docker pull --platform ${expected} <base image>`,
  });
}
