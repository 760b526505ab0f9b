import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { Layer } from '../compare/inspect/layer.ts';
import { readArchive } from '../compare/inspect/read-archive.ts';
import { ToolError } from '../lib/errors.ts';
import { type Entry, read, sha256, tar } from './fixtures.ts';

const layerA = await tar([
  { name: 'app', type: 'directory' },
  { name: 'app/a.js', content: 'a'.repeat(10_000) },
  { name: 'app/hard', type: 'link', linkname: 'app/a.js' },
  { name: 'app/soft', type: 'symlink', linkname: 'a.js' },
]);
const layerB = await tar([{ name: 'app/b.js', content: 'b'.repeat(300) }, { name: 'app/.wh.a.js' }]);
/** layerB as the zstd program makes it: in one frame; after a frame to be skipped; in two frames with such a one between. */
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

const readEntries = async (entries: Entry[], skip?: Layer[]) => read(await tar(entries), skip);

const expected = {
  layers: [
    { diffId: diffA, bytes: 10_000, tarBytes: layerA.length },
    { diffId: diffB, bytes: 300, tarBytes: layerB.length },
  ],
  configs: [{ diffIds: [diffA, diffB], instructions: ['COPY . .', 'RUN npm ci'] }],
};

test("Docker's legacy form: the manifest comes last, and the names say nothing", async () => {
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
  // One block: exactly what gzip makes of it.
  expect(result.layers[0]?.pullBytes).toBe(gzipSync(layerA, { level: 6 }).length);
  expect(result.layers[1]?.files).toMatchObject([
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
  expect(result.layers[1]?.blob).toBe(kind === 'plain' ? undefined : `sha256:${sha256(blobs[1] as Buffer)}`);
});

test('a layer that is known by the digest in its name is not read again', async () => {
  const entries = [layerA, layerB].map((layer) => ({ name: `${sha256(layer)}.tar`, content: layer }));
  const first = (await readEntries(entries)).layers[0] as Layer;
  for (const known of [first, { ...first, diffId: 'sha256:0', blob: diffA }]) {
    const { layers } = await readEntries(entries, [known]);
    expect(layers.map(({ diffId }) => diffId)).toEqual([diffB]);
  }
});

/** A tar of more than the bytes that a layer is recognized by, whose last byte is `end`. */
const large = (begin: string, end: string) => tar([{ name: begin, content: begin.repeat(2 << 20) + end }]);

/** What is measured of a layer in one form of archive, when another layer is known. */
async function readBeside(knownTar: Buffer, name: (layer: Buffer) => string, layer: Buffer) {
  const known = (await readEntries([{ name: 'aaa/layer.tar', content: knownTar }])).layers;
  const { layers } = await readEntries([{ name: name(layer), content: layer }], known);
  return layers.map(({ diffId }) => diffId);
}
const legacyName = () => 'bbb/layer.tar';
const diffIdOf = (layer: Buffer) => `sha256:${sha256(layer)}`;

test.each([
  ['OCI', (layer: Buffer) => `blobs/sha256/${sha256(layer)}`],
  ['Podman', (layer: Buffer) => `${sha256(layer)}.tar`],
])('%s: a layer with another digest is read, even with the size and the beginning of a known one', async (_, name) => {
  const other = await large('a', '2');
  expect(await readBeside(await large('a', '1'), name, other)).toEqual([diffIdOf(other)]);
  expect(await readBeside(other, name, other)).toEqual([]);
});

test('legacy: a layer with the size of a known one is read, unless it has its beginning, too', async () => {
  const [known, other, same] = [await large('a', '1'), await large('b', '1'), await large('a', '2')];
  expect(await readBeside(known, legacyName, other)).toEqual([diffIdOf(other)]);
  expect(await readBeside(known, legacyName, known)).toEqual([]);
  // One byte differs behind the beginning: readImageLayers finds the layer missing, and reads the image again.
  expect(await readBeside(known, legacyName, same)).toEqual([]);
});

test('legacy: a layer that was known compressed is recognized', async () => {
  const layer = await large('a', '1');
  const known = (await readEntries(ociLayout([gzipSync(layer)]))).layers;
  expect((await readEntries([{ name: 'aaa/layer.tar', content: layer }], known)).layers).toEqual([]);
});

test('legacy: a small layer is known by all its bytes', async () => {
  const small = (end: string) => tar([{ name: 'a', content: 'a'.repeat(900_000) + end }]);
  const other = await small('2');
  expect(await readBeside(await small('1'), legacyName, other)).toEqual([diffIdOf(other)]);
});

test('a configuration without a history gives layers without an instruction', async () => {
  const entry = { name: 'c.json', content: JSON.stringify({ rootfs: { diff_ids: [diffA] } }) };
  expect((await readEntries([entry])).configs).toEqual([{ diffIds: [diffA], instructions: [null] }]);
});

test('an incomplete archive is one clear error', async () => {
  const whole = await tar([{ name: 'aaa/layer.tar', content: layerA }]);
  for (const length of [100, 700, whole.length - 2000]) {
    await expect(read(whole.subarray(0, length))).rejects.toThrow('The archive that the engine saved cannot be read');
  }
});

test.each([
  ['a failing source', new Error('the engine went away'), 'cannot be read: the engine went away'],
  ['a failing program', new ToolError('docker save failed:'), /^docker save failed:$/],
])('the error of %s is reported, wherever it fails', async (_name, error, message) => {
  const archive = await tar([
    { name: 'aaa/layer.tar', content: gzipSync(layerA) },
    { name: 'bbb/layer.tar', content: layerB },
  ]);
  for (const length of [10, 512, 600, 1024, 2000, archive.length - 3000]) {
    const source = Readable.from(
      (async function* () {
        yield archive.subarray(0, length);
        throw error;
      })(),
    );
    await expect(read(source), `after ${length} bytes`).rejects.toThrow(message);
  }
});

test('an interruption ends the reading at once, with its reason', async () => {
  const controller = new AbortController();
  const source = Readable.from(
    (async function* () {
      yield (await tar([{ name: 'aaa/layer.tar', content: layerA }])).subarray(0, 2000);
      controller.abort(new Error('interrupted'));
      await new Promise(() => {});
    })(),
  );
  const reading = readArchive(source, () => false, { onLayer: async () => {}, signal: controller.signal });
  await expect(reading).rejects.toThrow('interrupted');
});
