import type { Engine } from '../../engine/engine.ts';
import { STAND_IN_LABEL } from '../../engine/labels.ts';
import { ToolError } from '../../lib/errors.ts';
import { type Measurement, recordError, type Surroundings } from '../model/measurement.ts';
import type { NamedImage } from '../model/subject.ts';
import { type ImageSource, openImage, requirePlatform } from './image-source.ts';
import type { StoredImage } from './stored-image.ts';

/**
 * Finds the images that were given by name: on the engine, which asks no registry, or where else they are stored.
 *
 * @param engine null where none of them is on one.
 * @param sources where each image is, by its name.
 * @param platform the one that is asked for, such as `linux/arm64`.
 * @returns those that are stored outside of an engine.
 */
export async function findNamedImages(
  surroundings: Surroundings,
  engine: Engine | null,
  measurements: Measurement<NamedImage>[],
  { sources, platform }: { sources: Map<string, ImageSource>; platform?: string },
): Promise<Map<Measurement, StoredImage>> {
  const stored = new Map<Measurement, StoredImage>();
  const program = engine?.info.name ?? 'docker';
  for (const measurement of measurements) {
    const name = measurement.subject.variant;
    const source = sources.get(name) ?? { kind: 'engine' };
    await recordError(surroundings, measurement, async () => {
      if (source.kind === 'engine') {
        const image = (await engine?.image(name)) ?? throwMissing(name, program);
        requirePlatform(image, { name, platform }, `To fetch it: ${program} pull --platform ${platform} ${name}`);
        measurement.image = image;
      } else {
        const task = surroundings.progress.task(name);
        task.update(source.kind === 'registry' ? 'asking its registry' : 'reading');
        const image = await openImage(source, { name, platform }, surroundings.signal).finally(() => task.update(''));
        stored.set(measurement, image);
        measurement.image = image.facts;
      }
      measurement.standIn = STAND_IN_LABEL in measurement.image.labels;
    });
  }
  return stored;
}

function throwMissing(name: string, program: string): never {
  throw new ToolError(`The engine has no image ${name}.`, {
    code: 'image-not-found',
    hint: `To fetch it: ${program} pull ${name}. From its registry, without the engine: --image docker://${name}. From a file or directory: --image ./${name}`,
  });
}
