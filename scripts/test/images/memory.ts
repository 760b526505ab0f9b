// A program for inside.test.ts: reads an image for the first time and prints how much memory that took at its peak.
import { findEngine } from '../../src/engine/find.ts';
import { inspectImage } from '../../src/inspect/inspect.ts';
import { MeasurementCache } from '../../src/measure/cache.ts';
import { readLayers } from '../../src/measure/layers.ts';

const [name = '', folder = ''] = process.argv.slice(2);
const engine = await findEngine();
const image = await engine.image(name);
if (!image) throw new Error(`There is no ${name}.`);
const read = await readLayers(engine, [image], new MeasurementCache(folder), { signal: new AbortController().signal });
const layers = read.get(image.id);
if (!layers) throw new Error('It was not read.');
inspectImage(image, layers, null);
const bytes = layers.layers.reduce((sum, { layer }) => sum + layer.bytes, 0);
console.log(JSON.stringify({ bytes, maxRssBytes: process.resourceUsage().maxRSS * 1024 }));
