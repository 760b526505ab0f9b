import type { Engine, ImageFacts } from '../../engine/engine.ts';
import { ToolError } from '../../lib/errors.ts';
import { type Measurement, recordError, type Surroundings, type WithImage, withImages } from '../model/measurement.ts';
import type { Size } from '../model/report-schema.ts';
import { subjectName } from '../model/subject.ts';
import { findLines } from './find-lines.ts';
import { type IndexedImage, indexImage } from './index-image.ts';
import { inspectImage } from './inspect-image.ts';
import type { ImageLayer } from './layer.ts';
import { LayerCache } from './layer-cache.ts';
import { readImageLayers } from './read-image-layers.ts';
import { readStoredLayers, type StoredImage } from './stored-image.ts';

interface InspectOptions {
  /** The images that are stored outside of an engine, as `findNamedImages` found them. */
  stored?: Map<Measurement, StoredImage>;
  /** Keeps what was measured before. */
  cacheDirectory: string;
  /** Is given what the measurement of an image follows from. */
  onIndexed?: (measurement: Measurement, indexed: IndexedImage) => void;
}

/**
 * Reads the layers of all images, and measures what is in each.
 *
 * @param engine null where all images are stored outside of one.
 */
export async function inspectImages(
  surroundings: Surroundings,
  engine: Engine | null,
  measurements: Measurement[],
  { stored = new Map(), cacheDirectory, onIndexed }: InspectOptions,
): Promise<void> {
  const built = withImages(measurements);
  if (built.length === 0) return;
  const { signal, progress } = surroundings;
  const task = progress.task('sizes');
  task.update(engine ? 'waiting for the engine to save the layers' : 'reading the layers');
  let bytes = 0;
  const onBytes = (count: number) => {
    bytes += count;
    if (bytes > 1e6) task.update(`read ${Math.round(bytes / 1e6)} MB of layers`);
  };
  try {
    const cache = new LayerCache(cacheDirectory);
    const images = built.filter((measurement) => !stored.has(measurement)).map(({ image }) => image);
    const layersById = engine ? await readImageLayers(engine, images, cache, { signal, onBytes }) : new Map();
    const bases = new Map<string, ImageFacts | null>();
    const inspected = new Map<Measurement, ImageLayer[]>();
    for (const measurement of built) {
      await recordError(surroundings, measurement, async () => {
        const source = stored.get(measurement);
        const image = source
          ? await readStoredLayers(source, cache, { signal, onBytes })
          : layersById.get(measurement.image.id);
        if (!image) throw new ToolError('The image was not read.');
        if ('error' in image) throw image.error;
        inspected.set(measurement, image.layers);
        const baseLayers = engine && (await countBaseLayers(engine, measurement, bases));
        const indexed = indexImage(measurement.image, image, baseLayers);
        const { contents, findings } = inspectImage(indexed);
        Object.assign(measurement, { contents, ...findLines(findings, measurement, image.layers, baseLayers) });
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
    for (const measurement of built) await recordError(surroundings, measurement, () => Promise.reject(error));
  }
}

/** The sizes of an image, as sums over its layers. `findSharing` names the other images that have a layer. */
export function sumLayers(layers: ImageLayer[], findSharing: (layer: ImageLayer) => string[]): Size {
  return {
    unpackedBytes: layers.reduce((sum, { bytes }) => sum + bytes, 0),
    pullBytes: layers.reduce((sum, layer) => sum + downloadBytes(layer), 0),
    compression: layers.some(({ blobBytes }) => blobBytes != null) ? 'stored' : 'calculated',
    layers: layers.map((layer) => {
      const { diffId, bytes, instruction } = layer;
      return { digest: diffId, bytes, pullBytes: downloadBytes(layer), instruction, sharedWith: findSharing(layer) };
    }),
  };
}

const downloadBytes = ({ blobBytes, pullBytes }: ImageLayer) => blobBytes ?? pullBytes;

/**
 * How many of an image's lowest layers are those of its base image; null when the engine no longer has that image. `bases`
 * keeps what the engine said of each.
 */
async function countBaseLayers(
  engine: Engine,
  { base, image }: WithImage,
  bases: Map<string, ImageFacts | null>,
): Promise<number | null> {
  if (base == null) return null;
  if (base === 'scratch') return 0;
  if (!bases.has(base)) bases.set(base, await engine.image(base));
  const below = bases.get(base)?.diffIds;
  return below?.every((diffId, index) => image.diffIds[index] === diffId) ? below.length : null;
}
