import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { createGzipCounter } from '../compare/inspect/gzip-counter.ts';

/** Bytes that compress to about a third, the same bytes each time. */
function text(length: number): Buffer {
  const words: string[] = [];
  let seed = 'multi-stage';
  for (let bytes = 0; bytes < length; ) {
    seed = createHash('md5').update(seed).digest('hex');
    const word = `import ${seed.slice(0, 6)} from '${seed.slice(0, 3)}';\n`;
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

test('the size is the same each time', async () => {
  const data = text(3_000_000);
  expect(await count(data, 64 << 10)).toBe(await count(data, 64 << 10));
});

test('no bytes have the size of an empty gzip file', async () => {
  expect(await createGzipCounter().end()).toBe(gzipSync('').length);
});
