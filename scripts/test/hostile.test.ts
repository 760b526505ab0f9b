import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { KnownLayers } from '../compare/inspect/known-layers.ts';
import { mergeLayers } from '../compare/inspect/merge-layers.ts';
import { ToolError } from '../lib/errors.ts';
import { type Entry, layerOf, read, tar } from './fixtures.ts';
import { mutations } from './fuzz.ts';

// What no engine should ever save, but a broken disk or a hostile image may cause: one clear error, and soon.

const layer = async (entries: Entry[]) => read(await tar([{ name: 'a/layer.tar', content: await tar(entries) }]));

async function* repeated(block: Buffer, times: number, end = Buffer.alloc(0)) {
  for (let i = 0; i < times; i += 1) yield block;
  yield end;
}

/** The header of a file, changed, with a correct checksum. */
async function header(change: (bytes: Buffer) => void): Promise<Buffer> {
  const bytes = (await tar([{ name: 'file', content: '' }])).subarray(0, 512);
  change(bytes);
  bytes.write('        ', 148);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return bytes;
}

test.each<[string, Entry]>([
  ['a path that climbs out', { name: '../../etc/passwd', content: 'x' }],
  ['a path that climbs out later', { name: 'a/b/../../../x', content: 'x' }],
  ['a whiteout that climbs out', { name: '../.wh.x', content: '' }],
  ['a hard link out of the tree', { name: 'x', type: 'link', linkname: '../../etc/shadow' }],
])('%s is refused', async (_name, entry) => {
  await expect(layer([entry])).rejects.toThrow(/^A layer has a path that leaves the image: "/);
});

test('a symbolic link is only a text, wherever it leads', async () => {
  const { files } = await layerOf([
    { name: 'app/node_modules/x', type: 'symlink', linkname: '../../../../../etc' },
    { name: 'loop', type: 'symlink', linkname: 'loop' },
  ]);
  expect(files.map(({ path, bytes }) => [path, bytes])).toEqual([
    ['app/node_modules/x', 0],
    ['loop', 0],
  ]);
});

test('a hard link to nothing counts nothing', async () => {
  const { files } = await layerOf([{ name: 'x', type: 'link', linkname: 'not/there' }]);
  expect(mergeLayers([files])).toMatchObject({ waste: [], all: [{ path: 'x', bytes: 0 }] });
});

test.each([
  [
    'exabytes',
    (bytes: Buffer) => Buffer.from([0x80, 0, 0, 0, 0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).copy(bytes, 124),
  ],
  ['less than nothing', (bytes: Buffer) => Buffer.from(`${'ff'.repeat(11)}00`, 'hex').copy(bytes, 124)],
  // Found by the fuzzer: tar-stream waits for its content forever.
  [
    'a base-256 number that is not valid',
    (bytes: Buffer) => Buffer.from(`81${'00'.repeat(11)}`, 'hex').copy(bytes, 124),
  ],
  ['no number', (bytes: Buffer) => bytes.write('zzzzzzzzzzz ', 124)],
])('a file that claims %s is a damaged archive', async (_name, change) => {
  const inner = Buffer.concat([await header(change), Buffer.alloc(4096)]);
  for (const archive of [inner, await tar([{ name: 'a/layer.tar', content: inner }])]) {
    await expect(read(archive)).rejects.toThrow(/^The archive that the engine saved cannot be read: /);
  }
});

test('the content that a directory claims to have is ignored', async () => {
  // Found by the fuzzer: tar-stream never ends such a content.
  const directory = await header((bytes) => {
    bytes.write('5', 156);
    bytes.write('00000001000 ', 124);
  });
  const inner = Buffer.concat([directory, await tar([{ name: 'after', content: 'x' }])]);
  const { layers } = await read(await tar([{ name: 'a/layer.tar', content: inner }]));
  expect(layers[0]?.files).toMatchObject([{ kind: 'directory' }, { path: 'after', bytes: 1 }]);
});

test('a header that claims to be huge is refused at once', async () => {
  const long = await header((bytes) => {
    bytes.write('77777777777 ', 124);
    bytes.write('x', 156); // A PAX header: the reader would keep it in memory.
  });
  const source = Readable.from(repeated(Buffer.alloc(1 << 20), 10_000), { objectMode: false });
  const endless = read(
    Readable.from(
      (async function* () {
        yield long;
        yield* source;
      })(),
    ),
  );
  await expect(endless).rejects.toThrow('The archive that the engine saved cannot be read');
});

test('a million files are more than any image has', async () => {
  const one = await header(() => {});
  const source = (async function* () {
    const block = Buffer.concat(Array.from({ length: 1000 }, () => one));
    // A layer of a million empty files, as it stands in an archive.
    yield await header((bytes) => bytes.write((1_000_000 * 512).toString(8).padStart(11, '0'), 124));
    yield* repeated(block, 1000, Buffer.alloc(1024));
  })();
  await expect(read(Readable.from(source))).rejects.toThrow('A layer has more than 500000 files');
}, 60_000);

test('a million files in all layers of all images are refused', async () => {
  const known = new KnownLayers();
  const layer = { ...(await layerOf([{ name: 'a' }])), files: Array(500_000) };
  for (const diffId of ['sha256:1', 'sha256:2', 'sha256:2']) known.add({ ...layer, diffId });
  expect(() => known.add({ ...layer, diffId: 'sha256:3' })).toThrow('more than 1000000 files in total');
});

test('a million entries in the archive itself are refused too', async () => {
  const block = Buffer.concat(await Promise.all(Array.from({ length: 1000 }, () => header(() => {}))));
  const source = Readable.from(repeated(block, 1000, Buffer.alloc(1024)));
  await expect(read(source)).rejects.toThrow('it has more than 20000 entries');
});

test('deeply nested paths do not fill the memory', async () => {
  // A hundred thousand files, each in two thousand directories of its own.
  const files = Array.from({ length: 100_000 }, (_, index) => ({
    path: `${index}/${'a/'.repeat(2000)}x`,
    kind: 'file' as const,
    bytes: 1,
    mode: 0,
    uid: 0,
    gid: 0,
  }));
  expect(() => mergeLayers([files])).toThrow('The image has more than 1000000 files and directories.');
});

test('a path that is longer than Linux allows is refused', async () => {
  await expect(layer([{ name: `${'a/'.repeat(3000)}x`, content: 'x' }])).rejects.toThrow('longer than Linux allows');
});

test.each<[string, () => Buffer]>([
  // 64 MiB of zeros in 64 KiB, a thousand times.
  ['gzip', () => gzipSync(Buffer.alloc(64 << 20), { level: 9 })],
  ['zstd', () => zstdOfZeros(512)],
])(
  'a layer of %s that unpacks without end is not read to its end',
  async (_name, blob) => {
    const times = 1024;
    const content = blob();
    const size = (content.length * times).toString(8).padStart(11, '0');
    const source = (async function* () {
      yield await header((bytes) => bytes.write(size, 124));
      yield* repeated(content, times, Buffer.alloc(1024));
    })();
    await expect(read(Readable.from(source))).rejects.toThrow('unpacks to more than 200 times');
  },
  120_000,
);

/** A zstd frame of blocks that each say "128 KiB of zeros" in four bytes (RFC 8878). */
function zstdOfZeros(blocks: number): Buffer {
  const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]);
  const block = (last: boolean) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUIntLE((Number(last) | (1 << 1) | ((128 << 10) << 3)) >>> 0, 0, 3);
    return bytes;
  };
  return Buffer.concat([frame, ...Array.from({ length: blocks }, (_, index) => block(index === blocks - 1))]);
}

test('a damaged layer is one clear error', async () => {
  const damaged = gzipSync(await tar([{ name: 'x', content: 'x'.repeat(10_000) }]));
  damaged.fill(0xff, 30);
  await expect(read(await tar([{ name: 'blobs/sha256/x', content: damaged }]))).rejects.toThrow(
    'The archive that the engine saved cannot be read',
  );
});

test('an archive with random changes is read, or refused with one clear error', async () => {
  for await (const { seed, archive } of mutations(1, 300)) {
    const outcome = await read(archive).then(
      ({ layers }) => mergeLayers(layers.map(({ files }) => files)),
      (error) => error,
    );
    if (outcome instanceof Error && !(outcome instanceof ToolError)) throw new Error(`seed ${seed}: ${outcome.stack}`);
  }
}, 60_000);
