import { STAND_IN_LABEL } from '../../engine/labels.ts';
import { ToolError } from '../../lib/errors.ts';
import { attempt, type Invocation, type Measurement, type WithImage, withImages } from '../model/measurement.ts';
import type { Size } from '../model/report-schema.ts';
import { subjectName } from '../model/subject.ts';
import { inspectImage } from './inspect-image.ts';
import { LayerCache } from './layer-cache.ts';
import { type ImageLayer, readLayers } from './read-layers.ts';

/** Finds the images that were given by name on the engine. Never asks a registry. */
export async function findNamedImages(invocation: Invocation, measurements: Measurement[]): Promise<void> {
  for (const measurement of measurements) {
    await attempt(invocation, measurement, async () => {
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

/** Reads the layers of all images, and measures what is in each. `cacheDirectory` keeps what was measured before. */
export async function inspectImages(
  invocation: Invocation,
  measurements: Measurement[],
  cacheDirectory: string,
): Promise<void> {
  const built = withImages(measurements);
  if (built.length === 0) return;
  const task = invocation.progress.task('sizes');
  task.update('waiting for the engine to save the layers');
  let bytes = 0;
  try {
    const images = built.map(({ image }) => image);
    const read = await readLayers(invocation.engine, images, new LayerCache(cacheDirectory), {
      signal: invocation.signal,
      onBytes: (count) => {
        bytes += count;
        if (bytes > 1e6) task.update(`read ${Math.round(bytes / 1e6)} MB of layers`);
      },
    });
    const layersOf = new Map<Measurement, ImageLayer[]>();
    for (const measurement of built) {
      await attempt(invocation, measurement, async () => {
        const image = read.get(measurement.image.id);
        if (!image) throw new ToolError('The engine did not save the image.');
        layersOf.set(measurement, image.layers);
        const baseLayers = await countBaseLayers(invocation, measurement);
        Object.assign(measurement, inspectImage(measurement.image, image, baseLayers));
      });
    }
    for (const [measurement, layers] of layersOf) measurement.size = sizeOf(measurement, layers, layersOf);
    task.done('measured');
  } catch (error) {
    invocation.signal.throwIfAborted();
    task.fail('not measured');
    for (const measurement of built) await attempt(invocation, measurement, () => Promise.reject(error));
  }
}

/** The sizes of an image: sums over its layers. */
function sizeOf(measurement: Measurement, layers: ImageLayer[], all: Map<Measurement, ImageLayer[]>): Size {
  const others = [...all].filter(([other]) => other !== measurement);
  const sum = (key: 'bytes' | 'pullBytes') => layers.reduce((total, { layer }) => total + layer[key], 0);
  return {
    unpackedBytes: sum('bytes'),
    pullBytes: sum('pullBytes'),
    layers: layers.map(({ layer: { diffId, bytes, pullBytes }, instruction }) => ({
      digest: diffId,
      bytes,
      pullBytes,
      instruction,
      sharedWith: others
        .filter(([, found]) => found.some(({ layer }) => layer.diffId === diffId))
        .map(([{ subject }]) => subjectName(subject)),
    })),
  };
}

/** How many of an image's lowest layers are those of its base image; null when the engine no longer has that image. */
async function countBaseLayers({ engine }: Invocation, { base, image }: WithImage): Promise<number | null> {
  if (base == null) return null;
  if (base === 'scratch') return 0;
  const below = (await engine.image(base))?.diffIds;
  return below?.every((diffId, index) => image.diffIds[index] === diffId) ? below.length : null;
}
