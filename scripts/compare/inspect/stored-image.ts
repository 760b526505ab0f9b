import { ToolError } from '../../lib/errors.ts';
import { damaged, type ImageConfig } from './image-documents.ts';
import { KnownLayers } from './known-layers.ts';
import type { ImageLayers, Layer } from './layer.ts';
import type { LayerCache } from './layer-cache.ts';
import { peek } from './read-archive.ts';
import { readLayer } from './read-layer.ts';

/** An image that is read from where it is stored, without an engine. */
export interface StoredImage extends ImageConfig {
  /** What messages call it. */
  name: string;
  /** Lowest first. */
  layers: StoredLayer[];
  /** Where it is on this machine, as another program can read it; absent for an image in a registry. */
  file?: ImageFile;
  /** The contents of layers, in any order, each to be read to its end before the next one. */
  open(keys: string[]): AsyncIterable<{ key: string; content: AsyncIterable<Buffer> }>;
}

/** `docker-archive` has Docker's manifest.json, `oci-archive` only the index of an OCI layout. */
export type FileForm = 'docker-archive' | 'oci-archive' | 'oci-dir';

export interface ImageFile {
  path: string;
  form: FileForm;
}

export interface StoredLayer {
  /** Names its content in the place where it is stored. */
  key: string;
  diffId: string;
  /** The bytes of its blob, where it is stored compressed, as a registry sends it. */
  blobBytes: number | null;
}

/** What a user chooses among the images of a place. */
export interface ImageChoice {
  /** What messages call the place. */
  name: string;
  /** Such as `linux/arm64`; that of this machine when absent. */
  platform?: string;
  /** The tag or name, in a place that has several. */
  tag?: string;
}

/**
 * Measures the layers of a stored image; those that the cache has are not read. Where a layer is stored compressed, its
 * download size is that of its blob. It is calculated otherwise, as for the images of an engine.
 *
 * @throws {ToolError} when a layer is damaged, or is not the one that the configuration lists.
 */
export async function readStoredLayers(
  image: StoredImage,
  cache: LayerCache,
  { signal, onBytes }: { signal: AbortSignal; onBytes?: (bytes: number) => void },
): Promise<ImageLayers> {
  const known = new KnownLayers();
  for (const { diffId } of image.layers) {
    const layer = await cache.readLayer(diffId);
    if (layer) known.add(layer);
  }
  // The same layer may be in an image twice: an empty one often is.
  const missing = new Map(image.layers.filter(({ diffId }) => !known.get(diffId)).map((layer) => [layer.key, layer]));
  if (missing.size > 0) {
    for await (const { key, content } of image.open([...missing.keys()])) {
      const expected = missing.get(key);
      if (!expected) continue;
      missing.delete(key);
      const layer = await measure(image, counted(content, signal, onBytes));
      if (layer.diffId !== expected.diffId) {
        throw damaged(image.name, `its layer ${expected.diffId} is ${layer.diffId}`);
      }
      known.add(layer);
      await cache.writeLayer(layer);
    }
  }
  const layers = image.layers.map(({ diffId, blobBytes }, index) => {
    const layer = known.get(diffId);
    if (!layer) throw damaged(image.name, `it lacks the layer ${diffId}`);
    return { ...layer, blobBytes, instruction: image.instructions[index] ?? null };
  });
  return { layers, history: image.history };
}

/** Measures a layer. Its content has to be read to its end, where its digest is checked. */
async function measure({ name }: StoredImage, content: AsyncIterable<Buffer>): Promise<Layer> {
  let isRead = false;
  async function* watched() {
    yield* content;
    isRead = true;
  }
  try {
    const { head, content: whole } = await peek(watched());
    const layer = await readLayer(whole, head);
    // What follows the end of a gzip is not read.
    if (!isRead) throw damaged(name, `its layer ${layer.diffId} has bytes after its end`);
    return layer;
  } catch (error) {
    if (error instanceof ToolError) throw error;
    throw new ToolError(`A layer of ${name} cannot be read: ${(error as Error).message}`);
  }
}

async function* counted(content: AsyncIterable<Buffer>, signal: AbortSignal, onBytes?: (bytes: number) => void) {
  for await (const chunk of content) {
    signal.throwIfAborted();
    onBytes?.(chunk.length);
    yield chunk;
  }
}
