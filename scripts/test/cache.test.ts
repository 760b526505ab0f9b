import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MeasurementCache } from '../src/measure/cache.ts';

const layer = { diffId: 'sha256:aa', blob: 'sha256:bb', tarBytes: 10, bytes: 5, pullBytes: 3 };
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cache-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('what one run stores, the next one knows, by either digest', async () => {
  await (await MeasurementCache.open(folder)).addLayer(layer);
  const cache = await MeasurementCache.open(folder);
  expect(cache.byDigest('sha256:aa')).toEqual(layer);
  expect(cache.byDigest('sha256:bb')).toEqual(layer);
  expect(cache.byDigest('sha256:cc')).toBeUndefined();
  expect([cache.hasTarBytes(10), cache.hasTarBytes(11)]).toEqual([true, false]);
});

test('instructions are kept by key', async () => {
  await (await MeasurementCache.open(folder)).addInstructions('key', ['COPY . .', null]);
  const cache = await MeasurementCache.open(folder);
  expect(await cache.instructions('key')).toEqual(['COPY . .', null]);
  expect(await cache.instructions('other')).toBeNull();
});

test('a damaged file does not count', async () => {
  await (await MeasurementCache.open(folder)).addLayer(layer);
  const [version = ''] = await readdir(folder);
  await writeFile(join(folder, version, 'layers', 'aa.json'), '{"diffId":');
  expect((await MeasurementCache.open(folder)).byDigest('sha256:aa')).toBeUndefined();
});

test('a cache that cannot be written still remembers, and leaves nothing half-written', async () => {
  await writeFile(join(folder, 'file'), '');
  const cache = await MeasurementCache.open(join(folder, 'file'));
  await cache.addLayer(layer);
  expect(cache.byDigest('sha256:aa')).toEqual(layer);
  expect(await readdir(folder)).toEqual(['file']);
});
