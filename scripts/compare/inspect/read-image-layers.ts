import type { Engine, ImageFacts } from '../../engine/engine.ts';
import { ToolError } from '../../lib/errors.ts';
import type { ImageLayers, Layer } from './layer.ts';
import type { LayerCache } from './layer-cache.ts';
import { readArchive } from './read-archive.ts';

/**
 * Measures images from their own layers, so that the result does not depend on how the engine stores them. Images whose
 * layers and instructions are all in the cache are not saved at all; the others are saved in one archive, which holds
 * shared layers once, and is read as a stream.
 *
 * @returns what each image is made of, by image id.
 * @throws {ToolError} when the engine cannot save them, or a layer is missing from what it saved.
 */
export async function readImageLayers(
  engine: Pick<Engine, 'history' | 'save'>,
  images: Pick<ImageFacts, 'id' | 'diffIds'>[],
  cache: LayerCache,
  options: { signal: AbortSignal; onBytes?: (bytes: number) => void },
): Promise<Map<string, ImageLayers>> {
  const layers = new Map<string, Layer>();
  for (const diffId of new Set(images.flatMap(({ diffIds }) => diffIds))) {
    const layer = await cache.readLayer(diffId);
    if (layer) layers.set(diffId, layer);
  }
  const targets = [];
  for (const { id, diffIds } of images) {
    const history = await engine.history(id);
    targets.push({ id, diffIds, history, instructions: await cache.readInstructions(diffIds, history) });
  }

  const onLayer = async (layer: Layer) => {
    layers.set(layer.diffId, layer);
    await cache.writeLayer(layer);
  };
  // The second pass skips nothing: it is for a layer that only looked like a known layer.
  for (const skip of [[...layers.values()], []]) {
    const missing = targets.filter(
      ({ diffIds, instructions }) => !instructions || diffIds.some((id) => !layers.has(id)),
    );
    if (missing.length === 0) break;
    const configs = await readArchive(engine.save(missing.map(({ id }) => id)), skip, { ...options, onLayer });
    for (const target of missing) {
      const config = configs.find(({ diffIds }) => diffIds.join() === target.diffIds.join());
      if (!config) continue;
      target.instructions = config.instructions;
      await cache.writeInstructions(target.diffIds, target.history, config.instructions);
    }
  }

  return new Map(
    targets.map(({ id, diffIds, history, instructions }) => {
      const ofImage = diffIds.map((diffId, index) => {
        const layer = layers.get(diffId);
        if (!layer) throw new ToolError(`The archive that the engine saved lacks the layer ${diffId}.`);
        return { ...layer, instruction: instructions?.[index] ?? null };
      });
      return [id, { layers: ofImage, history }];
    }),
  );
}
