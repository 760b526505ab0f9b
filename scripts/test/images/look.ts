import { join } from 'node:path';
import { inspectImage } from '../../compare/inspect/inspect-image.ts';
import { LayerCache } from '../../compare/inspect/layer-cache.ts';
import { type ImageLayers, readLayers } from '../../compare/inspect/read-layers.ts';
import type { ImageFacts } from '../../engine/engine.ts';
import { engine, ROOT } from './test-engine.ts';

/** The cache that compare has too: the chapters' layers need not be measured once more. */
const SHARED_CACHE = join(ROOT, 'node_modules/.cache/multi-stage-node');

/** What is in an image. */
export async function look(image: ImageFacts, cacheFolder = SHARED_CACHE) {
  if (!engine) throw new Error('no engine');
  const cache = new LayerCache(cacheFolder);
  const layers = await readLayers(engine, [image], cache, { signal: new AbortController().signal });
  const { layers: ofImage, history } = layers.get(image.id) as ImageLayers;
  return { layers: ofImage, ...inspectImage(image, { layers: ofImage, history }, null) };
}
