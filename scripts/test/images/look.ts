import { join } from 'node:path';
import { indexImage } from '../../compare/inspect/index-image.ts';
import { inspectImage } from '../../compare/inspect/inspect-image.ts';
import { LayerCache } from '../../compare/inspect/layer-cache.ts';
import { readImageLayers } from '../../compare/inspect/read-image-layers.ts';
import type { ImageFacts } from '../../engine/engine.ts';
import { engine, ROOT } from './test-engine.ts';

/** The cache of compare itself, so that the chapters' layers are not measured again. */
const SHARED_CACHE = join(ROOT, 'node_modules/.cache/multi-stage-node');

/** Reads an image and inspects it: its layers, contents and findings. */
export async function look(image: ImageFacts, cacheDirectory = SHARED_CACHE) {
  const cache = new LayerCache(cacheDirectory);
  const images = await readImageLayers(engine, [image], cache, { signal: new AbortController().signal });
  const read = images.get(image.id);
  if (!read || 'error' in read) throw new Error(`The engine did not save ${image.id}.`);
  return { layers: read.layers, ...inspectImage(indexImage(image, read, null)) };
}
