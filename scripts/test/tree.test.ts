import { expect, test } from 'vitest';
import { mergeLayers } from '../compare/inspect/merge-layers.ts';
import { type Entry, layerOf } from './fixtures.ts';

const file = (name: string, bytes: number): Entry => ({ name, content: 'x'.repeat(bytes) });
const link = (name: string, linkname: string): Entry => ({ name, type: 'link', linkname });

/** What a container sees, and what is waste, of layers with these entries. */
async function merge(...entries: Entry[][]) {
  const layers = await Promise.all(entries.map(layerOf));
  const tree = mergeLayers(layers.map(({ files }) => files));
  const total = layers.flatMap(({ files }) => files).reduce((sum, { bytes }) => sum + bytes, 0);
  const wasted = tree.waste.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    seen: [...tree.visible.keys()].sort(),
    waste: tree.waste.map(({ path, how, layer, removedIn, files, bytes }) => [
      path,
      how,
      layer,
      removedIn,
      files,
      bytes,
    ]),
    /** What a container sees, counted as an export would: each file once, however many names it has. */
    seenBytes: total - wasted,
  };
}

test('a file that is deleted or replaced is waste', async () => {
  expect(await merge([file('a', 10), file('b', 20), file('c', 30)], [file('a', 1)], [{ name: '.wh.b' }])).toEqual({
    seen: ['a', 'c'],
    waste: [
      ['b', 'deleted', 0, 2, 1, 20],
      ['a', 'replaced', 0, 1, 1, 10],
    ],
    seenBytes: 31,
  });
});

test('a deleted directory is one item for each layer that wrote into it', async () => {
  const { waste, seen } = await merge(
    [file('m/a', 10), file('m/b/c', 20)],
    [file('m/d', 5)],
    [{ name: '.wh.m' }, file('n', 1)],
  );
  expect(waste).toEqual([
    ['m', 'deleted', 0, 2, 2, 30],
    ['m', 'deleted', 1, 2, 1, 5],
  ]);
  expect(seen).toEqual(['n']);
});

test('an opaque directory hides what lower layers have in it, and not what its own layer has, wherever it stands in the tar', async () => {
  const { waste, seen } = await merge(
    [file('m/a', 10), file('m/b', 20)],
    [file('m/new', 1), { name: 'm/.wh..wh..opq' }],
  );
  expect(waste).toEqual([['m', 'deleted', 0, 1, 2, 30]]);
  expect(seen).toEqual(['m/new']);
});

test('a whiteout does not delete what its own layer has', async () => {
  const { seen } = await merge([file('a', 10)], [file('a', 1), { name: '.wh.a' }]);
  expect(seen).toEqual(['a']);
});

test('a directory over a directory keeps what is in it; a file over a directory does not, nor a directory over a file', async () => {
  const { waste, seen } = await merge(
    [file('m/a', 10), file('f', 7), file('l/x', 3)],
    [{ name: 'm', type: 'directory' }, file('f/in', 1), { name: 'l', type: 'symlink', linkname: 'm' }],
    [file('m', 2)],
  );
  expect(seen).toEqual(['f/in', 'l', 'm']);
  expect(waste).toEqual([
    ['m', 'replaced', 0, 2, 1, 10],
    ['f', 'replaced', 0, 1, 1, 7],
    ['l', 'replaced', 0, 1, 1, 3],
  ]);
});

test('bytes are waste only when the last path to them is removed', async () => {
  const first = [file('a', 10), link('b', 'a'), link('c', 'b')];
  expect(await merge(first, [{ name: '.wh.a' }])).toMatchObject({ waste: [], seen: ['b', 'c'], seenBytes: 10 });
  expect(await merge(first, [{ name: '.wh.a' }, { name: '.wh.b' }, file('c', 1)])).toMatchObject({
    waste: [['c', 'replaced', 0, 1, 1, 10]],
    seenBytes: 1,
  });
});

test('a path that is twice in one layer is visible once', async () => {
  expect(await merge([file('a', 10), file('a', 1)])).toMatchObject({
    waste: [['a', 'replaced', 0, 0, 1, 10]],
    seenBytes: 1,
  });
});

test('a whiteout may name a path that does not exist', async () => {
  expect(await merge([file('a', 1)], [{ name: '.wh.b' }, { name: 'c/.wh..wh..opq' }])).toMatchObject({ seen: ['a'] });
});
