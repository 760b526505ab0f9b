// A program for inside.test.ts: reads an image for the first time and prints how much memory that took at its peak.

import { inspectImage } from '../../compare/inspect/inspect-image.ts';
import { LayerCache } from '../../compare/inspect/layer-cache.ts';
import { readLayers } from '../../compare/inspect/read-layers.ts';
import { findEngine } from '../../engine/find-engine.ts';

const [name = '', folder = ''] = process.argv.slice(2);
const engine = await findEngine();
const image = await engine.image(name);
if (!image) throw new Error(`There is no ${name}.`);
const read = await readLayers(engine, [image], new LayerCache(folder), { signal: new AbortController().signal });
const layers = read.get(image.id);
if (!layers) throw new Error('It was not read.');
inspectImage(image, layers, null);
const bytes = layers.layers.reduce((sum, { layer }) => sum + layer.bytes, 0);
console.log(JSON.stringify({ bytes, maxRssBytes: process.resourceUsage().maxRSS * 1024 }));
