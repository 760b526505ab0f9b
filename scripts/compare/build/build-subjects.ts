import { readFile } from 'node:fs/promises';
import type { ImageFacts } from '../../engine/engine.ts';
import { isStandIn, TEMPORARY_IMAGES } from '../../engine/labels.ts';
import { readDockerfile, readStage } from '../../lib/dockerfile.ts';
import { readIgnoreFile } from '../../lib/dockerignore.ts';
import { ToolError } from '../../lib/errors.ts';
import { fitsPlatform } from '../../lib/platform.ts';
import { type Invocation, type Measurement, measureEach, recordError, withoutErrors } from '../model/measurement.ts';
import type { BuildContext } from '../model/report-schema.ts';
import type { Subject } from '../model/subject.ts';
import { buildImage, toBuildRequest } from './build-image.ts';
import { measureContext } from './measure-context.ts';

/** Measures the build context of every subject and builds its image, at most `jobs` at a time. */
export async function buildSubjects(
  invocation: Invocation,
  measurements: Measurement<Subject>[],
  jobs: number,
): Promise<void> {
  if (measurements.length === 0) return;
  await readBaseImages(invocation, measurements);
  await measureContexts(invocation, measurements);
  const progress = { jobs, doing: 'building', done: 'built', failed: 'not built' };
  await measureEach(invocation, withoutErrors(measurements), progress, async (measurement, report) => {
    const { subject } = measurement;
    const name = `${TEMPORARY_IMAGES}:${invocation.id}-${measurements.indexOf(measurement)}`;
    const { image, ms } = await buildImage(invocation, { ...toBuildRequest(subject), name }, report);
    measurement.image = image;
    measurement.build = { ms: Math.round(ms) };
    checkPlatform(image, subject.settings.platform, invocation.engine.info.name);
  });
}

async function readBaseImages(invocation: Invocation, measurements: Measurement<Subject>[]): Promise<void> {
  const task = invocation.progress.task('base images');
  task.update('asking the engine');
  const known = new Map<string, Promise<boolean>>();
  const isMarked = (name: string) => {
    const mark = known.get(name) ?? invocation.engine.image(name).then((image) => isStandIn(image, name));
    known.set(name, mark);
    return mark;
  };
  const readBases = (measurement: Measurement<Subject>) =>
    recordError(invocation, measurement, async () => {
      const { dockerfile, file, target, settings } = measurement.subject;
      const text = await readFile(dockerfile, 'utf8');
      const options = { ...settings, target };
      const { bases, finalBase } = readDockerfile(text, file, options);
      measurement.stage = readStage(text, file, options);
      measurement.base = finalBase;
      const marks = await Promise.all(bases.map(isMarked));
      measurement.standIn = marks.includes(true);
    });
  await Promise.all(measurements.map(readBases));
  task.update('');
}

/** Measures each build context once. A context that cannot be read makes the build fail with the reason. */
async function measureContexts(
  { engine, progress, signal }: Invocation,
  measurements: Measurement<Subject>[],
): Promise<void> {
  const known = new Map<string, BuildContext | undefined>();
  const task = progress.task('build contexts');
  for (const measurement of withoutErrors(measurements)) {
    const { context, dockerfile } = measurement.subject;
    const ignore = await readIgnoreFile(context, dockerfile, engine.info.builder);
    const key = `${context}\0${ignore.name}`;
    task.update(`reading ${context}`);
    if (!known.has(key)) known.set(key, await measureContext(context, ignore, signal).catch(() => undefined));
    signal.throwIfAborted();
    measurement.context = known.get(key);
  }
  task.done('read');
}

/** @throws {ToolError} for an image for another platform: builders use a local base image for one without a warning. */
export function checkPlatform(
  { platform }: Pick<ImageFacts, 'platform'>,
  expected: string | undefined,
  program: string = 'docker',
): void {
  if (expected === undefined || fitsPlatform(platform, expected)) return;
  throw new ToolError(`The image was built for ${platform}, not for ${expected}.`, {
    hint: `The engine has its base image for ${platform} only: ${program} pull --platform ${expected} <base image>`,
  });
}
