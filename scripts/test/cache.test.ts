import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LayerCache } from '../compare/inspect/layer-cache.ts';
import { layerOf } from './fixtures.ts';

const layer = { diffId: 'sha256:aa', blob: 'sha256:bb', tarBytes: 10, bytes: 5, pullBytes: 3 };
const files = await layerOf([
  { name: 'app/package.json', content: '{"name":"x","version":"1.0.0","dependencies":{"y":"1"}}' },
  { name: 'app/soft', type: 'symlink', linkname: '../etc' },
  { name: 'app/.wh.gone' },
]);
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cache-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function reopened(): Promise<LayerCache> {
  const cache = new LayerCache(folder);
  await cache.load(['sha256:aa', 'sha256:cc']);
  return cache;
}

test('what one run stores, the next one knows, by either digest', async () => {
  await new LayerCache(folder).add(layer, files);
  const cache = await reopened();
  expect(cache.layer('sha256:aa')).toEqual({ layer, files });
  expect(['sha256:aa', 'sha256:bb', 'sha256:cc'].map((digest) => cache.has(digest))).toEqual([true, true, false]);
  expect([cache.hasTarBytes(10), cache.hasTarBytes(11)]).toEqual([true, false]);
});

test('a layer that nobody asks for is not read', async () => {
  await new LayerCache(folder).add(layer, files);
  const cache = new LayerCache(folder);
  await cache.load(['sha256:cc']);
  expect(cache.has('sha256:aa')).toBe(false);
});

test('instructions are kept by layers and history', async () => {
  await new LayerCache(folder).addInstructions(['sha256:aa'], ['COPY . .'], ['COPY . .', null]);
  const cache = new LayerCache(folder);
  expect(await cache.instructions(['sha256:aa'], ['COPY . .'])).toEqual(['COPY . .', null]);
  expect(await cache.instructions(['sha256:aa'], ['COPY a .'])).toBeNull();
});

test('a damaged file does not count', async () => {
  await new LayerCache(folder).add(layer, files);
  const [version = ''] = await readdir(folder);
  for (const content of ['{"layer":', '{"layer":{},"files":[],"notes":[]}', '']) {
    await writeFile(join(folder, version, 'layers', 'aa.json'), content);
    expect((await reopened()).has('sha256:aa')).toBe(false);
  }
});

test('a cache that cannot be written still remembers, and leaves nothing half-written', async () => {
  await writeFile(join(folder, 'file'), '');
  const cache = new LayerCache(join(folder, 'file'));
  await cache.add(layer, files);
  expect(cache.layer('sha256:aa')).toEqual({ layer, files });
  expect(await readdir(folder)).toEqual(['file']);
});
