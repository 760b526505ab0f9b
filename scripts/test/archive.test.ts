import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { expect, test } from 'vitest';
import { type KnownLayers, readArchive } from '../src/measure/archive.ts';

const NOTHING: KnownLayers = { byDigest: () => undefined, hasTarBytes: () => false };
const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

type Entry = {
  name: string;
  content?: string | Buffer;
  type?: 'file' | 'link' | 'symlink' | 'directory';
  linkname?: string;
};

async function tar(entries: Entry[]): Promise<Buffer> {
  const archive = pack();
  for (const { content = '', type = 'file', ...header } of entries) {
    archive.entry({ ...header, type, mtime: new Date(0) }, type === 'file' ? content : '');
  }
  archive.finalize();
  return buffer(archive as AsyncIterable<Buffer>);
}

const layerA = await tar([
  { name: 'app', type: 'directory' },
  { name: 'app/a.js', content: 'a'.repeat(10_000) },
  { name: 'app/hard', type: 'link', linkname: 'app/a.js' },
  { name: 'app/soft', type: 'symlink', linkname: 'a.js' },
]);
const layerB = await tar([{ name: 'app/b.js', content: 'b'.repeat(300) }, { name: 'app/.wh.a.js' }]);
const diffA = `sha256:${sha256(layerA)}`;
const diffB = `sha256:${sha256(layerB)}`;
const config = JSON.stringify({
  rootfs: { diff_ids: [diffA, diffB] },
  history: [
    { created_by: 'COPY . . # buildkit' },
    { created_by: 'ENV A=1', empty_layer: true },
    { created_by: 'RUN |1 V=1 /bin/sh -c npm ci # buildkit' },
  ],
});

const read = async (entries: Entry[], known = NOTHING) => readArchive(Readable.from([await tar(entries)]), known);

const expected = {
  layers: [
    { diffId: diffA, bytes: 10_000, tarBytes: layerA.length },
    { diffId: diffB, bytes: 300, tarBytes: layerB.length },
  ],
  configs: [{ diffIds: [diffA, diffB], instructions: ['COPY . .', 'RUN npm ci'] }],
};

test("Docker's legacy form: the manifest comes last and the names say nothing", async () => {
  const result = await read([
    { name: 'aaa', type: 'directory' },
    { name: 'aaa/VERSION', content: '1.0' },
    { name: 'aaa/json', content: '{"id":"aaa"}' },
    { name: 'aaa/layer.tar', content: layerA },
    { name: 'bbb/layer.tar', content: layerB },
    { name: 'ccc/layer.tar', type: 'symlink', linkname: '../aaa/layer.tar' },
    { name: 'ddd.json', content: config },
    { name: 'manifest.json', content: '[{"Config":"ddd.json","Layers":["aaa/layer.tar","bbb/layer.tar"]}]' },
  ]);
  expect(result).toMatchObject(expected);
  // Within 1 % of one run of gzip: the files are tiny, so the wrapper weighs.
  expect(result.layers[0]?.pullBytes).toBe(gzipSync(layerA, { level: 6 }).length);
});

test.each([
  ['plain', (layer: Buffer) => layer],
  ['gzip', (layer: Buffer) => gzipSync(layer, { level: 1 })],
])('the OCI layout with %s blobs gives the same numbers', async (kind, form) => {
  const blobs = [form(layerA), form(layerB), Buffer.from(config)];
  const result = await read([
    { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    { name: 'index.json', content: '{"schemaVersion":2,"manifests":[]}' },
    ...blobs.map((blob) => ({ name: `blobs/sha256/${sha256(blob)}`, content: blob })),
  ]);
  expect(result).toMatchObject(expected);
  expect(result.layers[0]?.blob).toBe(kind === 'gzip' ? `sha256:${sha256(blobs[0] as Buffer)}` : undefined);
});

test('a layer that is known by the digest in its name is not read again', async () => {
  const known: KnownLayers = {
    byDigest: (digest) => (digest === diffA ? { diffId: diffA, tarBytes: 0, bytes: 0, pullBytes: 0 } : undefined),
    hasTarBytes: () => false,
  };
  const { layers } = await read(
    [layerA, layerB].map((layer) => ({ name: `${sha256(layer)}.tar`, content: layer })),
    known,
  );
  expect(layers.map(({ diffId }) => diffId)).toEqual([diffB]);
});

test('a large layer that only has the size of a known one is left for a second look', async () => {
  const large = await tar([{ name: 'x', content: Buffer.alloc(2 << 20, 'x') }]);
  const entries = [{ name: 'aaa/layer.tar', content: large }];
  const sameSize = (layer?: { diffId: string }): KnownLayers => ({
    byDigest: (digest) =>
      layer?.diffId === digest ? { ...layer, tarBytes: large.length, bytes: 1, pullBytes: 1 } : undefined,
    hasTarBytes: (bytes) => bytes === large.length,
  });
  expect((await read(entries, sameSize())).layers).toEqual([]);
  const same = { diffId: `sha256:${sha256(large)}` };
  expect((await read(entries, sameSize(same))).layers).toMatchObject([{ ...same, pullBytes: 1 }]);
  expect((await read(entries)).layers).toMatchObject([{ ...same, bytes: 2 << 20 }]);
});

test('a configuration without a history gives layers without an instruction', async () => {
  const { configs } = await read([{ name: 'c.json', content: JSON.stringify({ rootfs: { diff_ids: [diffA] } }) }]);
  expect(configs).toEqual([{ diffIds: [diffA], instructions: [null] }]);
});

test('an archive that breaks off is one clear error', async () => {
  const whole = await tar([{ name: 'aaa/layer.tar', content: layerA }]);
  for (const length of [100, 700, whole.length - 2000]) {
    await expect(readArchive(Readable.from([whole.subarray(0, length)]), NOTHING)).rejects.toThrow(
      'The archive that the engine saved cannot be read',
    );
  }
});

test('a damaged layer is one clear error', async () => {
  const damaged = gzipSync(layerA);
  damaged.fill(0xff, 30);
  await expect(read([{ name: 'blobs/sha256/x', content: damaged }])).rejects.toThrow(
    'The archive that the engine saved cannot be read',
  );
});

test('a failing source is reported as what it is', async () => {
  const source = Readable.from(
    (async function* () {
      yield Buffer.alloc(10);
      throw new Error('the engine went away');
    })(),
  );
  await expect(readArchive(source, NOTHING)).rejects.toThrow('the engine went away');
});
