import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readArchive } from '../compare/inspect/archive.ts';
import { type Entry, Layers, read, sha256, tar } from './fixtures.ts';

const layerA = await tar([
  { name: 'app', type: 'directory' },
  { name: 'app/a.js', content: 'a'.repeat(10_000) },
  { name: 'app/hard', type: 'link', linkname: 'app/a.js' },
  { name: 'app/soft', type: 'symlink', linkname: 'a.js' },
]);
const layerB = await tar([{ name: 'app/b.js', content: 'b'.repeat(300) }, { name: 'app/.wh.a.js' }]);
/** layerB as the zstd program makes it: in one frame; after a frame to be skipped; and in two with such a one between. */
const ZSTD = [
  'KLUv/WQACd0CACLEDBGwawwg+RYGBqdbsEu1SBZUBrsIP0tqFD0FShk8+LhMYw7HLGIcznPH/pi75EeW9AClTA4ggK1bDf0rMKaS7kYdQJpQ6lCqTALKwEhg6QCTZ9ggcB2c1hHEtMcX',
  'UCpNGAQAAABhYmNkKLUv/WQACYUDAKQDYXBwL2IuanMAMDAwNjQ0IDAwMDAwNDU0ICAwMTA1MjcgADAAdXN0YXIAMGIAYXBwLy53aC5hMTIwNBMA6HFWAD4wBlQCAhhkFgbIOMAD8nRQQB0KTmXITcqADrAhwG+QDADJgQewFoBjJTA4gSPEtMcX',
  'KLUv/QRYbQIAxAJhcHAvYi5qcwAwMDA2NDQgADAwMDQ1NCAgMDEwNTI3IAAwAHVzdGFyADAgYgwAOBwlAQQECRiFdFiTg98gGQCSAw9grRUE4Do4gSPBR9esUCpNGAQAAABhYmNkKLUv/QRYnQIA5AJiYgBhcHAvLndoLmEuanMAMDAwNjQ0IAAwIDAgMDExMjA0IAAwAHVzdGFyADAgDQAngB8IEjAK6bAmB79BMgAkDyACIVYQgOsgMD0UUGyloA1S6+mR',
];
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

const readEntries = async (entries: Entry[], layers?: Layers) => read(await tar(entries), layers);

const expected = {
  found: [
    { layer: { diffId: diffA, bytes: 10_000, tarBytes: layerA.length } },
    { layer: { diffId: diffB, bytes: 300, tarBytes: layerB.length } },
  ],
  configs: [{ diffIds: [diffA, diffB], instructions: ['COPY . .', 'RUN npm ci'] }],
};

test("Docker's legacy form: the manifest comes last and the names say nothing", async () => {
  const result = await readEntries([
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
  expect(result.found[0]?.layer.pullBytes).toBe(gzipSync(layerA, { level: 6 }).length);
  expect(result.found[1]?.files.files).toMatchObject([
    { path: 'app/b.js', kind: 'file', bytes: 300 },
    { path: 'app/a.js', kind: 'whiteout', bytes: 0 },
  ]);
});

/** The OCI layout with its attestation: a manifest, a configuration and an in-toto statement of its own. */
function ociLayout(blobs: Buffer[]): Entry[] {
  const attestation = {
    manifest: JSON.stringify({
      schemaVersion: 2,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json' },
      layers: [{ mediaType: 'application/vnd.in-toto+json' }],
    }),
    config: JSON.stringify({ architecture: 'unknown', os: 'unknown', config: {} }),
    statement: JSON.stringify({ _type: 'https://in-toto.io/Statement/v0.1', predicate: {} }),
  };
  return [
    { name: 'blobs/', type: 'directory' },
    { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    { name: 'index.json', content: '{"schemaVersion":2,"manifests":[]}' },
    ...[...blobs, ...Object.values(attestation).map((text) => Buffer.from(text))].map((blob) => ({
      name: `blobs/sha256/${sha256(blob)}`,
      content: blob,
    })),
  ];
}

const zstd = (index: number) => (layer: Buffer) =>
  layer === layerB ? Buffer.from(ZSTD[index] ?? '', 'base64') : layer;

test.each<[string, (layer: Buffer) => Buffer]>([
  ['plain', (layer) => layer],
  ['gzip', (layer) => gzipSync(layer, { level: 1 })],
  ['zstd', zstd(0)],
  ['zstd (after a skippable frame)', zstd(1)],
  ['zstd (in several frames)', zstd(2)],
])('the OCI layout with %s blobs gives the same numbers', async (kind, form) => {
  const blobs = [form(layerA), form(layerB), Buffer.from(config)];
  const result = await readEntries(ociLayout(blobs));
  expect(result).toMatchObject(expected);
  expect(result.found[1]?.layer.blob).toBe(kind === 'plain' ? undefined : `sha256:${sha256(blobs[1] as Buffer)}`);
});

test('a layer that is known by the digest in its name is not read again', async () => {
  const layers = new Layers();
  layers.has = (digest) => digest === diffA;
  const entries = [layerA, layerB].map((layer) => ({ name: `${sha256(layer)}.tar`, content: layer }));
  const { found } = await readEntries(entries, layers);
  expect(found.map(({ layer }) => layer.diffId)).toEqual([diffB]);
});

test('a large layer with the size of a known one is left for a second look', async () => {
  const large = await tar([{ name: 'x', content: Buffer.alloc(2 << 20, 'x') }]);
  const entries = [{ name: 'aaa/layer.tar', content: large }];
  const layers = new Layers();
  layers.hasTarBytes = (bytes) => bytes === large.length;
  expect((await readEntries(entries, layers)).found).toEqual([]);
  expect((await readEntries(entries)).found).toMatchObject([{ layer: { bytes: 2 << 20 } }]);
});

test('a configuration without a history gives layers without an instruction', async () => {
  const entry = { name: 'c.json', content: JSON.stringify({ rootfs: { diff_ids: [diffA] } }) };
  expect((await readEntries([entry])).configs).toEqual([{ diffIds: [diffA], instructions: [null] }]);
});

test('an archive that breaks off is one clear error', async () => {
  const whole = await tar([{ name: 'aaa/layer.tar', content: layerA }]);
  for (const length of [100, 700, whole.length - 2000]) {
    await expect(read(whole.subarray(0, length))).rejects.toThrow('The archive that the engine saved cannot be read');
  }
});

test('a failing source is reported as what it is', async () => {
  const source = Readable.from(
    (async function* () {
      yield Buffer.alloc(10);
      throw new Error('the engine went away');
    })(),
  );
  await expect(readArchive(source, new Layers())).rejects.toThrow('the engine went away');
});
