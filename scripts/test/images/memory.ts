// A program for inside.test.ts: reads an image for the first time, and prints how much memory that took at its peak.

import { indexImage } from '../../compare/inspect/index-image.ts';
import { inspectImage } from '../../compare/inspect/inspect-image.ts';
import { LayerCache } from '../../compare/inspect/layer-cache.ts';
import { readImageLayers } from '../../compare/inspect/read-image-layers.ts';
import { findEngine } from '../../engine/find-engine.ts';

const [name = '', directory = ''] = process.argv.slice(2);
const engine = await findEngine();
const image = await engine.image(name);
if (!image) throw new Error(`The engine has no image ${name}.`);
const images = await readImageLayers(engine, [image], new LayerCache(directory), {
  signal: new AbortController().signal,
});
const layers = images.get(image.id);
if (!layers || 'error' in layers) throw new Error(`The engine did not save ${name}.`);
inspectImage(indexImage(image, layers, null));
const total = layers.layers.reduce((sum, { bytes }) => sum + bytes, 0);
console.log(JSON.stringify({ bytes: total, maxRssBytes: process.resourceUsage().maxRSS * 1024 }));
