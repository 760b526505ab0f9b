import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LayerCache } from '../compare/inspect/layer-cache.ts';
import { readImageLayers } from '../compare/inspect/read-image-layers.ts';
import { type Entry, layerOf, sha256, tar } from './fixtures.ts';

const read = await layerOf([
  { name: 'app/package.json', content: '{"name":"x","version":"1.0.0","dependencies":{"y":"1"}}' },
  { name: 'app/soft', type: 'symlink', linkname: '../etc' },
  { name: 'app/.wh.gone' },
]);
const layer = { ...read, diffId: 'sha256:aa', blob: 'sha256:bb', tarBytes: 10, bytes: 5, pullBytes: 3 };
let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cache-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const layersDirectory = async () => join(directory, (await readdir(directory))[0] ?? '', 'layers');
const layerFile = async () => join(await layersDirectory(), (await readdir(await layersDirectory()))[0] ?? '');

test('what one invocation stores, the next one knows', async () => {
  await new LayerCache(directory).writeLayer(layer);
  const cache = new LayerCache(directory);
  expect(await cache.readLayer('sha256:aa')).toEqual(layer);
  expect(await cache.readLayer('sha256:cc')).toBeUndefined();
});

test('instructions are stored by layers and history', async () => {
  const instructions = ['COPY . .', null];
  await new LayerCache(directory).writeInstructions(['sha256:aa'], ['COPY . .'], instructions);
  const cache = new LayerCache(directory);
  expect(await cache.readInstructions(['sha256:aa'], ['COPY . .'])).toEqual(instructions);
  expect(await cache.readInstructions(['sha256:aa'], ['COPY a .'])).toBeUndefined();
});

test('a damaged file is ignored', async () => {
  const cache = new LayerCache(directory);
  await cache.writeLayer(layer);
  const stored = await readFile(await layerFile(), 'utf8');
  const ofOther = JSON.stringify({ ...layer, diffId: 'sha256:cc' });
  for (const content of [stored.slice(0, -10), '{"diffId":"sha256:aa","files":[]}', ofOther, '']) {
    await writeFile(await layerFile(), content);
    expect(await cache.readLayer('sha256:aa')).toBeUndefined();
  }
  await writeFile(await layerFile(), stored);
  expect(await cache.readLayer('sha256:aa')).toEqual(layer);
});

test('nothing but the entry is left, and nothing at all where the cache cannot be written', async () => {
  await new LayerCache(directory).writeLayer(layer);
  expect(await readdir(await layersDirectory())).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.json$/)]);
  await writeFile(join(directory, 'file'), '');
  await new LayerCache(join(directory, 'file')).writeLayer(layer);
  expect((await readdir(directory)).sort()).toEqual(['file', 'measurements-v3']);
});

/** Reads an image of these layers, and says which images had to be saved. */
async function readImage(layers: Entry[][], cache = new LayerCache(directory)) {
  const tars = await Promise.all(layers.map(tar));
  const diffIds = tars.map((content) => `sha256:${sha256(content)}`);
  const archive = await tar([
    ...tars.map((content, index) => ({ name: `${index}/layer.tar`, content })),
    { name: 'config.json', content: JSON.stringify({ rootfs: { diff_ids: diffIds } }) },
  ]);
  const saved: string[][] = [];
  const engine = {
    history: async () => [],
    save: (images: string[]) => {
      saved.push(images);
      return Readable.from([archive]);
    },
  };
  const { signal } = new AbortController();
  const images = await readImageLayers(engine, [{ id: 'image', diffIds }], cache, { signal });
  return { saved, layers: images.get('image')?.layers };
}

test('an image whose layers are all in the cache is not saved', async () => {
  const first = await readImage([[{ name: 'a', content: 'a' }]]);
  const second = await readImage([[{ name: 'a', content: 'a' }]]);
  expect([first.saved, second.saved]).toEqual([[['image']], []]);
  expect(second.layers).toEqual(first.layers);
});

test('what the cache cannot store is read all the same', async () => {
  await writeFile(join(directory, 'file'), '');
  const { layers, saved } = await readImage([[{ name: 'a', content: 'a' }]], new LayerCache(join(directory, 'file')));
  expect(layers).toMatchObject([{ bytes: 1, instruction: null }]);
  expect(saved).toEqual([['image']]);
});

test('a large layer that only has the size of a known layer is read in a second pass', async () => {
  const large = (letter: string) => [{ name: letter, content: letter.repeat(2 << 20) }];
  const known = await readImage([large('a')]);
  const { layers, saved } = await readImage([large('a'), large('b')]);
  expect(saved).toEqual([['image'], ['image']]);
  expect(layers?.[0]).toEqual(known.layers?.[0]);
  expect(layers?.[1]).toMatchObject({ files: [{ path: 'b' }] });
});
