import { createHash } from 'node:crypto';
import type { Engine, ImageFacts } from '../engine/engine.ts';
import { ToolError } from '../errors.ts';
import { type KnownLayers, type Layer, readArchive } from './archive.ts';
import type { MeasurementCache } from './cache.ts';

/** The sizes of one image, all in bytes. */
export interface ImageSize {
  unpackedBytes: number;
  pullBytes: number;
  layers: { digest: string; bytes: number; pullBytes: number; instruction: string | null }[];
}

const NOTHING_KNOWN: KnownLayers = { byDigest: () => undefined, hasTarBytes: () => false };

/**
 * Measures images from their own layers, so that the result does not depend on how the engine stores them. Images whose
 * layers are all in the cache are not even asked for; the others are saved in one archive, which holds shared layers once.
 *
 * @returns a size for each image, by image id.
 * @throws {ToolError} when the engine cannot save them, or a layer is missing from what it saved.
 */
export async function measureSizes(
  engine: Engine,
  images: ImageFacts[],
  cache: MeasurementCache,
  options: { signal: AbortSignal; onBytes?: (bytes: number) => void },
): Promise<Map<string, ImageSize>> {
  const keys = new Map<string, string>();
  const instructions = new Map<string, (string | null)[]>();
  for (const image of images) {
    const key = instructionsKey(image.diffIds, await engine.history(image.id));
    keys.set(image.id, key);
    const known = await cache.instructions(key);
    if (known) instructions.set(image.id, known);
  }

  const unmeasured = () =>
    images.filter(({ id, diffIds }) => !instructions.has(id) || diffIds.some((diffId) => !cache.byDigest(diffId)));

  // The second pass is for a layer that only looked like a known one: see readArchive.
  for (const known of [cache, NOTHING_KNOWN]) {
    const wanted = unmeasured();
    if (wanted.length === 0) break;
    const { layers, configs } = await readArchive(engine.save(wanted.map(({ id }) => id)), known, options);
    for (const layer of layers) await cache.addLayer(layer);
    for (const { id, diffIds } of wanted) {
      const config = configs.find((candidate) => candidate.diffIds.join() === diffIds.join());
      if (!config) continue;
      instructions.set(id, config.instructions);
      await cache.addInstructions(keys.get(id) as string, config.instructions);
    }
  }
  return new Map(images.map(({ id, diffIds }) => [id, sizeOf(diffIds, instructions.get(id) ?? [], cache)]));
}

function sizeOf(diffIds: string[], instructions: (string | null)[], cache: MeasurementCache): ImageSize {
  const layers = diffIds.map((diffId, index) => {
    const layer: Layer | undefined = cache.byDigest(diffId);
    if (!layer) throw new ToolError(`The archive that the engine saved lacks the layer ${diffId}.`);
    return {
      digest: diffId,
      bytes: layer.bytes,
      pullBytes: layer.pullBytes,
      instruction: instructions[index] ?? null,
    };
  });
  const sum = (key: 'bytes' | 'pullBytes') => layers.reduce((total, layer) => total + layer[key], 0);
  return { unpackedBytes: sum('bytes'), pullBytes: sum('pullBytes'), layers };
}

/** Two images with the same layers and the same history have the same instruction for each layer. */
function instructionsKey(diffIds: string[], history: string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([diffIds, history]))
    .digest('hex');
}
