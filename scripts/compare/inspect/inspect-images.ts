import type { ImageFacts } from '../../engine/engine.ts';
import { STAND_IN_LABEL } from '../../engine/labels.ts';
import { ToolError } from '../../lib/errors.ts';
import { type Invocation, type Measurement, recordError, type WithImage, withImages } from '../model/measurement.ts';
import type { Size } from '../model/report-schema.ts';
import { subjectName } from '../model/subject.ts';
import { type IndexedImage, indexImage } from './index-image.ts';
import { inspectImage } from './inspect-image.ts';
import type { ImageLayer } from './layer.ts';
import { LayerCache } from './layer-cache.ts';
import { readImageLayers } from './read-image-layers.ts';

/** Finds the images that were given by name on the engine. Never asks a registry. */
export async function findNamedImages(invocation: Invocation, measurements: Measurement[]): Promise<void> {
  for (const measurement of measurements) {
    await recordError(invocation, measurement, async () => {
      const name = measurement.subject.variant;
      const image = await invocation.engine.image(name);
      if (!image) {
        throw new ToolError(`The engine has no image ${name}.`, {
          code: 'image-not-found',
          hint: `To fetch it: docker pull ${name}`,
        });
      }
      measurement.image = image;
      measurement.standIn = STAND_IN_LABEL in image.labels;
    });
  }
}

/**
 * Reads the layers of all images, and measures what is in each. `cacheDirectory` keeps what was measured before, and
 * `onIndexed` is given what the measurement of an image follows from.
 */
export async function inspectImages(
  invocation: Invocation,
  measurements: Measurement[],
  cacheDirectory: string,
  onIndexed?: (measurement: Measurement, indexed: IndexedImage) => void,
): Promise<void> {
  const built = withImages(measurements);
  if (built.length === 0) return;
  const { engine, signal, progress } = invocation;
  const task = progress.task('sizes');
  task.update('waiting for the engine to save the layers');
  let bytes = 0;
  const onBytes = (count: number) => {
    bytes += count;
    if (bytes > 1e6) task.update(`read ${Math.round(bytes / 1e6)} MB of layers`);
  };
  try {
    const images = built.map(({ image }) => image);
    const layersById = await readImageLayers(engine, images, new LayerCache(cacheDirectory), { signal, onBytes });
    const bases = new Map<string, ImageFacts | null>();
    const inspected = new Map<Measurement, ImageLayer[]>();
    for (const measurement of built) {
      await recordError(invocation, measurement, async () => {
        const image = layersById.get(measurement.image.id);
        if (!image) throw new ToolError('The image was not read.');
        if ('error' in image) throw image.error;
        inspected.set(measurement, image.layers);
        const baseLayers = await countBaseLayers(invocation, measurement, bases);
        const indexed = indexImage(measurement.image, image, baseLayers);
        Object.assign(measurement, inspectImage(indexed));
        onIndexed?.(measurement, indexed);
      });
    }
    for (const [measurement, layers] of inspected) {
      measurement.size = sumLayers(layers, ({ diffId }) =>
        [...inspected]
          .filter(([other, others]) => other !== measurement && others.some((layer) => layer.diffId === diffId))
          .map(([{ subject }]) => subjectName(subject)),
      );
    }
    const failures = built.length - inspected.size;
    if (failures === 0) task.done('measured');
    else task.fail(inspected.size === 0 ? 'not measured' : `not measured: ${failures} of ${built.length}`);
  } catch (error) {
    signal.throwIfAborted();
    task.fail('not measured');
    for (const measurement of built) await recordError(invocation, measurement, () => Promise.reject(error));
  }
}

/** The sizes of an image, as sums over its layers. `findSharing` names the other images that have a layer. */
export function sumLayers(layers: ImageLayer[], findSharing: (layer: ImageLayer) => string[]): Size {
  return {
    unpackedBytes: layers.reduce((sum, { bytes }) => sum + bytes, 0),
    pullBytes: layers.reduce((sum, { pullBytes }) => sum + pullBytes, 0),
    layers: layers.map((layer) => {
      const { diffId, bytes, pullBytes, instruction } = layer;
      return { digest: diffId, bytes, pullBytes, instruction, sharedWith: findSharing(layer) };
    }),
  };
}

/**
 * How many of an image's lowest layers are those of its base image; null when the engine no longer has that image. `bases`
 * keeps what the engine said of each.
 */
async function countBaseLayers(
  { engine }: Invocation,
  { base, image }: WithImage,
  bases: Map<string, ImageFacts | null>,
): Promise<number | null> {
  if (base == null) return null;
  if (base === 'scratch') return 0;
  if (!bases.has(base)) bases.set(base, await engine.image(base));
  const below = bases.get(base)?.diffIds;
  return below?.every((diffId, index) => image.diffIds[index] === diffId) ? below.length : null;
}
