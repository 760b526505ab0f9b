import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import { createGzipCounter } from '../compare/inspect/gzip-counter.ts';
import { tar } from './fixtures.ts';

/** Counts the blocks that are compressed. */
const deflateRaw = vi.hoisted(() => vi.fn());
vi.mock('node:zlib', async (importOriginal) => {
  const zlib = await importOriginal<typeof import('node:zlib')>();
  deflateRaw.mockImplementation(zlib.deflateRaw);
  return { ...zlib, deflateRaw };
});

/** Bytes that compress to about a third, the same bytes each time for a seed. */
function text(length: number, seed = 'multi-stage'): Buffer {
  const words: string[] = [];
  let hash = seed;
  for (let bytes = 0; bytes < length; ) {
    hash = createHash('md5').update(hash).digest('hex');
    const word = `import ${hash.slice(0, 6)} from '${hash.slice(0, 3)}';\n`;
    words.push(word);
    bytes += word.length;
  }
  return Buffer.from(words.join('')).subarray(0, length);
}

async function count(data: Buffer, chunkBytes: number): Promise<number> {
  const gzip = createGzipCounter();
  for (let offset = 0; offset < data.length; offset += chunkBytes) {
    await gzip.write(data.subarray(offset, offset + chunkBytes));
  }
  return gzip.end();
}

test('the size is that of gzip, within 0.1 percent', async () => {
  const data = text(5_000_000);
  const exact = gzipSync(data, { level: 6 }).length;
  expect(Math.abs((await count(data, 64 << 10)) / exact - 1)).toBeLessThan(0.001);
});

test('the size is the same each time, however the bytes arrive', async () => {
  const data = await tar([
    { name: 'small', content: text(700_000) },
    { name: 'large', content: text(3_000_000) },
    { name: 'more', content: text(1_500_000) },
  ]);
  const size = await count(data, 64 << 10);
  for (const chunkBytes of [1000, 50_001, 3 << 20, data.length]) expect(await count(data, chunkBytes)).toBe(size);
  expect(Math.abs(size / gzipSync(data, { level: 6 }).length - 1)).toBeLessThan(0.001);
});

test('a large file is compressed once, wherever it is in a layer', async () => {
  const large = { name: 'node', content: text(5_000_000, 'large') };
  const layers = [
    await tar([large]),
    await tar([{ name: 'a', content: text(10_000) }, large, { name: 'b', content: text(2000) }]),
    await tar([{ name: 'c', content: text(1_700_000) }, large]),
  ];
  const calls: number[] = [];
  for (const layer of layers) {
    deflateRaw.mockClear();
    const size = await count(layer, 64 << 10);
    calls.push(deflateRaw.mock.calls.length);
    expect(Math.abs(size / gzipSync(layer, { level: 6 }).length - 1)).toBeLessThan(0.001);
  }
  // A header, five blocks of content and the end; then only what is before and after.
  expect(calls[0]).toBe(6);
  expect(calls[1]).toBeLessThanOrEqual(2);
  expect(calls[2]).toBeLessThanOrEqual(5);
});

test.each([
  ['a size that is not a number', 'xxxxxxxxxxx'],
  ['a size beyond the end', '77777777777'],
])('a header with %s only moves a cut', async (_name, size) => {
  const data = await tar([
    { name: 'a', content: text(1_500_000) },
    { name: 'b', content: text(1_500_000) },
  ]);
  data.write(size, 124, 'latin1');
  const exact = gzipSync(data, { level: 6 }).length;
  expect(Math.abs((await count(data, 64 << 10)) / exact - 1)).toBeLessThan(0.001);
});

test('no bytes have the size of an empty gzip file', async () => {
  expect(await createGzipCounter().end()).toBe(gzipSync('').length);
});
