import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LayerCache } from '../compare/inspect/layer-cache.ts';
import { readImageLayers } from '../compare/inspect/read-image-layers.ts';
import * as readLayer from '../compare/inspect/read-layer.ts';
import { ToolError } from '../lib/errors.ts';
import { type Entry, sha256, tar } from './fixtures.ts';

let directory = '';
const measured = vi.spyOn(readLayer, 'readLayer');

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'read-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
  measured.mockClear();
});

/** A layer with one file of 2 MiB and a few bytes more: its beginning and its end. */
const large = (begin: string, end = ''): Entry[] => [{ name: begin, content: begin.repeat(2 << 20) + end }];
const small = (name: string): Entry[] => [{ name, content: name }];

/** Images by name, each with its layers. */
type Images = Record<string, Entry[][]>;

/** What Docker 20.10 saves: the same layer once, in a directory whose name says nothing, and the configurations. */
async function saveLegacy(images: Entry[][][]): Promise<Buffer> {
  const entries = new Map<string, Entry>();
  for (const layers of images) {
    const tars = await Promise.all(layers.map(tar));
    const ids = tars.map((content) => `sha256:${sha256(content)}`);
    tars.forEach((content, index) => {
      entries.set(ids[index] ?? '', { name: `${ids[index]?.slice(-6)}/layer.tar`, content });
    });
    const config = JSON.stringify({ rootfs: { diff_ids: ids } });
    entries.set(config, { name: `${sha256(Buffer.from(config))}.json`, content: config });
  }
  return tar([...entries.values()]);
}

/**
 * Reads images as Docker 20.10 saves them, and lists what was saved and how many layers were measured. `refuse` says why
 * the engine does not save some images.
 */
async function readImages(
  images: Images,
  {
    cache = new LayerCache(directory),
    refuse = () => undefined,
    signal = new AbortController().signal,
    saved = [],
  }: {
    cache?: LayerCache;
    refuse?: (names: string[]) => Error | undefined;
    signal?: AbortSignal;
    saved?: string[];
  } = {},
) {
  const engine = {
    history: async () => [],
    save: (names: string[]) => {
      saved.push(names.join(' '));
      return Readable.from(
        (async function* () {
          const error = refuse(names);
          const archive = await saveLegacy(names.map((name) => images[name] ?? []));
          yield error ? archive.subarray(0, 1000) : archive;
          if (error) throw error;
        })(),
      );
    },
  };
  const facts = Object.entries(images).map(async ([id, layers]) => {
    const tars = await Promise.all(layers.map(tar));
    return { id, diffIds: tars.map((content) => `sha256:${sha256(content)}`) };
  });
  measured.mockClear();
  const results = await readImageLayers(engine, await Promise.all(facts), cache, { signal });
  /** The paths of each layer, or the error. */
  const read = Object.fromEntries(
    [...results].map(([id, image]) => [
      id,
      'error' in image ? String(image.error) : image.layers.map(({ files }) => files.map(({ path }) => path).join()),
    ]),
  );
  return { saved, read, results, measured: measured.mock.calls.length };
}

test('an image whose layers are all in the cache is not saved', async () => {
  const first = await readImages({ one: [small('a')] });
  const second = await readImages({ one: [small('a')] });
  expect([first.saved, second.saved]).toEqual([['one'], []]);
  expect(second.results).toEqual(first.results);
});

test('what the cache cannot store is read all the same', async () => {
  await writeFile(join(directory, 'file'), '');
  const { results, saved } = await readImages(
    { one: [small('a')] },
    { cache: new LayerCache(join(directory, 'file')) },
  );
  expect(results.get('one')).toMatchObject({ layers: [{ bytes: 1, instruction: null }] });
  expect(saved).toEqual(['one']);
});

test('images on the same base are saved together, and each layer is measured once', async () => {
  const images = {
    one: [large('base'), large('a')],
    two: [small('other')],
    three: [large('base'), large('b')],
  };
  const first = await readImages(images);
  expect(first.saved).toEqual(['one three', 'two']);
  expect(first.measured).toBe(4);
  const second = await readImages({ ...images, four: [large('base'), large('c')] });
  expect(second.saved).toEqual(['four']);
  expect(second.measured).toBe(1);
});

test('a layer with only the size of a known layer is read at once', async () => {
  await readImages({ one: [large('a')] });
  const { saved, measured, read } = await readImages({ one: [large('a')], two: [large('a'), large('b')] });
  expect(read).toEqual({ one: ['a'], two: ['a', 'b'] });
  expect(saved).toEqual(['two']);
  expect(measured).toBe(1);
});

test('a layer with the size and the beginning of a known layer: only its image is saved again', async () => {
  await readImages({ one: [large('base'), large('a', '1')] });
  const images = {
    one: [large('base'), large('a', '1')],
    two: [large('base'), large('a', '2')],
    three: [large('base'), large('b')],
  };
  const { saved, measured, results, read } = await readImages(images);
  expect(read).toEqual({ one: ['base', 'a'], two: ['base', 'a'], three: ['base', 'b'] });
  expect(saved).toEqual(['two three', 'two']);
  // `b` in the first archive; `base` and the other `a` in the second, which trusts no beginning of the first.
  expect(measured).toBe(3);
  const [one, two] = [results.get('one'), results.get('two')];
  expect(one && 'layers' in one && one.layers[1]?.diffId).not.toBe(two && 'layers' in two && two.layers[1]?.diffId);
});

test('an image that cannot be saved fails alone, with the words of the engine', async () => {
  const names = ['one', 'two', 'three', 'four', 'five'];
  const images = Object.fromEntries(names.map((name) => [name, [small('base'), small(name)]]));
  const { saved, read } = await readImages(images, {
    refuse: (names) => (names.includes('four') ? new ToolError('docker save failed: no space left') : undefined),
  });
  expect(read).toEqual({
    ...Object.fromEntries(names.map((name) => [name, ['base', name]])),
    four: 'ToolError: docker save failed: no space left',
  });
  expect(saved).toEqual(['one two three four five', 'one two three', 'four five', 'four', 'five']);
});

test('an image with a layer that cannot be read fails alone', async () => {
  const images = { one: [small('base'), [{ name: '../outside', content: '' }]], two: [small('base'), small('b')] };
  const { read } = await readImages(images);
  expect(read).toEqual({ one: expect.stringContaining('leaves the image'), two: ['base', 'b'] });
});

test('when the engine saves nothing, each image has its error', async () => {
  const images = { one: [small('a')], two: [small('a'), small('b')] };
  const { read } = await readImages(images, { refuse: (names) => new ToolError(`not ${names.length}`) });
  expect(read).toEqual({ one: 'ToolError: not 1', two: 'ToolError: not 1' });
});

test('an image without layers has 0 bytes, and is not saved: Docker 20.10 saves none', async () => {
  const { saved, read } = await readImages({ empty: [], one: [small('a')] });
  expect(read).toEqual({ empty: [], one: ['a'] });
  expect(saved).toEqual(['one']);
});

test('an interruption ends the reading of all archives, and starts no other', async () => {
  const controller = new AbortController();
  const saved: string[] = [];
  const images = { one: [small('a')], two: [small('b')], three: [small('c')], four: [small('d')] };
  const refuse = () => {
    controller.abort(new Error('interrupted'));
    return new Error('the engine was stopped');
  };
  await expect(readImages(images, { refuse, signal: controller.signal, saved })).rejects.toThrow('interrupted');
  // The two that are read at the same time.
  expect(saved).toEqual(['one', 'two']);
});
