import type { Engine, ImageFacts } from '../../engine/engine.ts';
import { ToolError } from '../../lib/errors.ts';
import { type LayerStore, readArchive } from './archive.ts';
import type { KnownLayer, LayerCache } from './layer-cache.ts';

/** An image's layer with its place in the image. */
export interface ImageLayer extends KnownLayer {
  /** The instruction that made it, without secrets; null when the image does not say. */
  instruction: string | null;
}

/** What an image is made of. */
export interface ImageLayers {
  /** Lowest first. */
  layers: ImageLayer[];
  /** What made the image as the engine tells it, oldest first. May hold secrets: never printed. */
  history: string[];
}

/**
 * Measures images from their own layers, so that the result does not depend on how the engine stores them. Images whose
 * layers are all in the cache are not even asked for; the others are saved in one archive, which holds shared layers
 * once, and is read as it comes.
 *
 * @returns what each image is made of, by image id.
 * @throws {ToolError} when the engine cannot save them, or a layer is missing from what it saved.
 */
export async function readLayers(
  engine: Engine,
  images: ImageFacts[],
  cache: LayerCache,
  options: { signal: AbortSignal; onBytes?: (bytes: number) => void },
): Promise<Map<string, ImageLayers>> {
  await cache.load(images.flatMap(({ diffIds }) => diffIds));
  const histories = new Map<string, string[]>();
  const instructions = new Map<string, (string | null)[]>();
  for (const { id, diffIds } of images) {
    const history = await engine.history(id);
    histories.set(id, history);
    const known = await cache.instructions(diffIds, history);
    if (known) instructions.set(id, known);
  }

  const unmeasured = () =>
    images.filter(({ id, diffIds }) => !instructions.has(id) || diffIds.some((diffId) => !cache.has(diffId)));

  // The second pass is for a layer that only looked like a known one: see readArchive.
  const nothingKnown: LayerStore = {
    has: () => false,
    hasTarBytes: () => false,
    add: (layer, files) => cache.add(layer, files),
  };
  for (const known of [cache, nothingKnown]) {
    const wanted = unmeasured();
    if (wanted.length === 0) break;
    const configs = await readArchive(engine.save(wanted.map(({ id }) => id)), known, options);
    for (const { id, diffIds } of wanted) {
      const config = configs.find((candidate) => candidate.diffIds.join() === diffIds.join());
      if (!config) continue;
      instructions.set(id, config.instructions);
      await cache.addInstructions(diffIds, histories.get(id) ?? [], config.instructions);
    }
  }
  return new Map(
    images.map(({ id, diffIds }) => {
      const layers = diffIds.map((diffId, index) => {
        const layer = cache.layer(diffId);
        if (!layer) throw new ToolError(`The archive that the engine saved lacks the layer ${diffId}.`);
        return { ...layer, instruction: instructions.get(id)?.[index] ?? null };
      });
      return [id, { layers, history: histories.get(id) ?? [] }];
    }),
  );
}
