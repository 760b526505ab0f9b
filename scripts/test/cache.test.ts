import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LayerCache } from '../compare/inspect/layer-cache.ts';
import { layerOf } from './fixtures.ts';

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

/** All files of the cache. */
async function entryFiles() {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

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

test.each<[string, (stored: string) => string | Buffer]>([
  ['that is cut off', (stored) => stored.slice(0, -10)],
  ['that is empty', () => ''],
  ['of zeros', (stored) => Buffer.alloc(stored.length)],
  ['without a checksum', (stored) => stored.slice(stored.indexOf('\n') + 1)],
  ['with a negative number', (stored) => stored.replace(/(?<=bytes\W+)5/, '-5')],
  ['with another number', (stored) => stored.replace(/(?<=bytes\W+)5/, '6')],
  ['with null instead of a number', (stored) => stored.replace(/(?<=bytes\W+)5/, 'null')],
  ['with another path', (stored) => stored.replace('app/soft', 'app/sofa')],
])('a damaged entry, %s, is measured again', async (_, damage) => {
  const cache = new LayerCache(directory);
  await cache.writeLayer(layer);
  await cache.writeInstructions(['sha256:aa'], [], ['bytes 5, app/soft']);
  const files = await entryFiles();
  expect(files).toHaveLength(2);
  for (const file of files) {
    const stored = await readFile(file, 'utf8');
    expect(damage(stored)).not.toBe(stored);
    await writeFile(file, damage(stored));
  }
  expect(await cache.readLayer('sha256:aa')).toBeUndefined();
  expect(await cache.readInstructions(['sha256:aa'], [])).toBeUndefined();
});

test("an entry with another layer's content is measured again", async () => {
  const cache = new LayerCache(directory);
  await cache.writeLayer({ ...layer, diffId: 'sha256:cc' });
  const [ofOther = ''] = await entryFiles();
  const content = await readFile(ofOther);
  await cache.writeLayer(layer);
  for (const file of await entryFiles()) await writeFile(file, content);
  expect(await cache.readLayer('sha256:aa')).toBeUndefined();
  expect(await cache.readLayer('sha256:cc')).toMatchObject({ diffId: 'sha256:cc' });
});

test('nothing but the entry is left, and nothing at all where the cache cannot be written', async () => {
  await new LayerCache(directory).writeLayer(layer);
  expect(await readdir(await layersDirectory())).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.txt$/)]);
  await writeFile(join(directory, 'file'), '');
  await new LayerCache(join(directory, 'file')).writeLayer(layer);
  expect((await readdir(directory)).sort()).toEqual(['file', 'measurements-v6']);
});
