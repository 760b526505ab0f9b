import pLimit from 'p-limit';
import type { Engine, ImageFacts } from '../../engine/engine.ts';
import { ToolError } from '../../lib/errors.ts';
import { KnownLayers } from './known-layers.ts';
import type { ImageLayers, Layer } from './layer.ts';
import type { LayerCache } from './layer-cache.ts';
import { readArchive } from './read-archive.ts';

/**
 * How many questions and archives the engine works on at the same time. Docker 20.10 writes an archive to its disk before
 * it sends the first byte: meanwhile, we read the other one.
 */
const REQUESTS = 2;

/** An image to be read. */
interface Target extends Pick<ImageFacts, 'id' | 'diffIds'> {
  history: string[];
  /** The instruction that made each layer; absent until the image's configuration is read. */
  instructions?: (string | null)[];
  /** Why the image cannot be read. */
  error?: unknown;
}

/** What all archives of one invocation share. */
interface Reading {
  engine: Pick<Engine, 'history' | 'save'>;
  known: KnownLayers;
  cache: LayerCache;
  signal: AbortSignal;
  onBytes?: (bytes: number) => void;
}

/**
 * Measures images from their own layers, so that the result does not depend on how the engine stores them. Images whose
 * layers and instructions are all in the cache are not saved at all; nor are images without layers, which Docker 20.10
 * cannot save. Images on the same base are saved in one archive, which holds shared layers once, and is read as a stream.
 *
 * @returns what each image is made of, by image id, or why that cannot be read.
 * @throws the signal's reason after an interruption.
 */
export async function readImageLayers(
  engine: Reading['engine'],
  images: Pick<ImageFacts, 'id' | 'diffIds'>[],
  cache: LayerCache,
  options: Pick<Reading, 'signal' | 'onBytes'>,
): Promise<Map<string, ImageLayers | { error: unknown }>> {
  const reading: Reading = { engine, known: new KnownLayers(), cache, ...options };
  for (const diffId of new Set(images.flatMap(({ diffIds }) => diffIds))) {
    const layer = await cache.readLayer(diffId);
    if (layer) reading.known.add(layer);
  }
  const limit = pLimit(REQUESTS);
  // Two names may be of the same image.
  const unique = [...new Map(images.map((image) => [image.id, image])).values()];
  const targets = await Promise.all(unique.map((image) => limit(() => createTarget(reading, image))));
  const missing = targets.filter((target) => isIncomplete(reading, target));
  const reads = groupByBase(missing).map((group) => limit(() => readGroup(reading, group)));
  // An interruption ends every read: none may still run when the invocation cleans up.
  await Promise.allSettled(reads);
  await Promise.all(reads);
  return new Map(targets.map((target) => [target.id, collectLayers(reading, target)]));
}

async function createTarget(
  { engine, cache, signal }: Reading,
  { id, diffIds }: Pick<ImageFacts, 'id' | 'diffIds'>,
): Promise<Target> {
  try {
    const history = await engine.history(id);
    const instructions = diffIds.length === 0 ? [] : await cache.readInstructions(diffIds, history);
    return { id, diffIds, history, instructions };
  } catch (error) {
    signal.throwIfAborted();
    return { id, diffIds, history: [], error };
  }
}

const findMissing = ({ known }: Reading, { diffIds }: Target) => diffIds.find((diffId) => !known.get(diffId));

const isIncomplete = (reading: Reading, target: Target) =>
  target.error === undefined && (!target.instructions || findMissing(reading, target) !== undefined);

/** Images with the same lowest layer: an archive of some of them would hold nearly all that the others need, too. */
function groupByBase(targets: Target[]): Target[][] {
  const groups = new Map<string | undefined, Target[]>();
  for (const target of targets) groups.set(target.diffIds[0], [...(groups.get(target.diffIds[0]) ?? []), target]);
  return [...groups.values()];
}

/**
 * Reads images from one archive. If that fails, each half of what is still missing is read from an archive of its own, and
 * so on: in the end only those images fail that cannot be saved or read alone.
 */
async function readGroup(reading: Reading, targets: Target[]): Promise<void> {
  reading.signal.throwIfAborted();
  try {
    const recognized = await readTogether(reading, targets, () => true);
    // Another layer has the size and the beginning of a known one: those images are saved again.
    const missing = targets.filter((target) => isIncomplete(reading, target));
    if (missing.length > 0) await readTogether(reading, missing, (layer) => !recognized.includes(layer));
  } catch (error) {
    reading.signal.throwIfAborted();
    const missing = targets.filter((target) => isIncomplete(reading, target));
    if (targets.length === 1) {
      for (const target of missing) target.error = error;
      return;
    }
    const middle = Math.ceil(missing.length / 2);
    for (const half of [missing.slice(0, middle), missing.slice(middle)]) {
      if (half.length > 0) await readGroup(reading, half);
    }
  }
}

/**
 * Reads one archive of these images, without the layers that are known. `isTrusted` says whether an entry with the size and
 * the beginning of a known layer is taken for it. Returns the layers that entries were taken for.
 */
async function readTogether(
  { engine, known, cache, signal, onBytes }: Reading,
  targets: Target[],
  isTrusted: (layer: Layer) => boolean,
): Promise<Layer[]> {
  const recognized: Layer[] = [];
  const configs = await readArchive(
    engine.save(targets.map(({ id }) => id)),
    (sign) => {
      const layer = known.find(sign);
      if (!layer || 'digest' in sign) return layer !== undefined;
      if (!isTrusted(layer)) return false;
      recognized.push(layer);
      return true;
    },
    {
      signal,
      onBytes,
      onLayer: async (layer) => {
        known.add(layer);
        await cache.writeLayer(layer);
      },
    },
  );
  for (const target of targets) {
    const config = configs.find(({ diffIds }) => diffIds.join() === target.diffIds.join());
    if (!config) continue;
    target.instructions = config.instructions;
    await cache.writeInstructions(target.diffIds, target.history, config.instructions);
  }
  return recognized;
}

function collectLayers(reading: Reading, target: Target): ImageLayers | { error: unknown } {
  const { diffIds, history, instructions, error } = target;
  if (error !== undefined) return { error };
  const layers = diffIds.flatMap((diffId, index) => {
    const layer = reading.known.get(diffId);
    return layer ? [{ ...layer, instruction: instructions?.[index] ?? null }] : [];
  });
  if (layers.length === diffIds.length) return { layers, history };
  const missing = findMissing(reading, target);
  return { error: new ToolError(`The archive that the engine saved lacks the layer ${missing}.`) };
}
