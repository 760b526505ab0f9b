import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ImageSource, openImage, parseImageSource } from '../compare/inspect/image-source.ts';
import { LayerCache } from '../compare/inspect/layer-cache.ts';
import { readStoredLayers } from '../compare/inspect/stored-image.ts';
import { type Entry, sha256, tar } from './fixtures.ts';
import { serve } from './registry-server.ts';

let directory = '';
const signal = new AbortController().signal;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stored-'));
});
afterAll(() => rm(directory, { recursive: true }));
beforeEach(() => rm(join(directory, 'cache'), { recursive: true, force: true }));

const GZIP = 'application/vnd.oci.image.layer.v1.tar+gzip';
const layerA = await tar([{ name: 'app/a.js', content: 'a'.repeat(10_000) }]);
const layerB = await tar([{ name: 'app/b.js', content: 'b'.repeat(300) }]);
const diffIds = [layerA, layerB].map((layer) => `sha256:${sha256(layer)}`);
const configOf = (ids: string[], architecture = 'amd64') =>
  Buffer.from(
    JSON.stringify({
      os: 'linux',
      architecture,
      config: { User: '1000', Cmd: ['node', 'a.js'], ExposedPorts: { '3000/tcp': {} } },
      rootfs: { type: 'layers', diff_ids: ids },
      history: [{ created_by: 'COPY a.js . # buildkit' }, { created_by: 'RUN /bin/sh -c make # buildkit' }],
    }),
  );
const config = configOf(diffIds);

/** What names some content, with more or other keys. */
const describeBlob = (content: Buffer, more: object = {}) => ({
  mediaType: GZIP,
  digest: `sha256:${sha256(content)}`,
  size: content.length,
  ...more,
});
const blobEntry = (content: Buffer): Entry => ({ name: `blobs/sha256/${sha256(content)}`, content });
const document = (value: object) => Buffer.from(JSON.stringify(value));
const manifestOf = (ofConfig: Buffer, layers: object[]) =>
  document({ schemaVersion: 2, config: describeBlob(ofConfig), layers });
const indexOf = (...manifests: object[]): Entry => ({ name: 'index.json', content: document({ manifests }) });

const gzipA = gzipSync(layerA);
const gzipB = gzipSync(layerB, { level: 1 });
const otherLayer = gzipSync(await tar([{ name: 'x', content: 'x' }]));
const manifest = manifestOf(config, [describeBlob(gzipA), describeBlob(gzipB)]);
const BLOBS = [gzipA, gzipB, config, manifest].map(blobEntry);
/** The whole layout: BuildKit and others write the index last. */
const LAYOUT = [...BLOBS, indexOf(describeBlob(manifest))];
/** Without one blob, or with another in its place. */
const withBlob = (content: Buffer, replacement?: Buffer) =>
  LAYOUT.flatMap((entry) =>
    entry.content !== content ? entry : replacement ? { ...entry, content: replacement } : [],
  );

const DOCKER: Entry[] = [
  { name: 'aaa/layer.tar', content: layerA },
  { name: 'bbb/layer.tar', content: layerB },
  { name: 'ccc/layer.tar', type: 'symlink', linkname: '../bbb/layer.tar' },
  { name: 'ddd.json', content: config },
  {
    name: 'manifest.json',
    content: document([{ Config: 'ddd.json', RepoTags: ['app:1'], Layers: ['aaa/layer.tar', 'ccc/layer.tar'] }]),
  },
];

let count = 0;

/** Writes an archive, or a directory, and reads the image in it. */
async function read(
  entries: Entry[] | Buffer,
  options: { ending?: string; platform?: string; asDirectory?: boolean } = {},
) {
  const { ending = '.tar', platform, asDirectory = false } = options;
  count += 1;
  const name = asDirectory ? `./layout-${count}` : `./image-${count}${ending.replace(/#.*/, '')}`;
  const path = join(directory, name);
  if (Buffer.isBuffer(entries)) {
    await writeFile(path, entries);
  } else if (asDirectory) {
    for (const { name: file, content = '' } of entries) {
      await mkdir(dirname(join(path, file)), { recursive: true });
      await writeFile(join(path, file), content);
    }
  } else {
    await writeFile(path, await tar(entries));
  }
  return readSource(`${name}${/#.*/.exec(ending)?.[0] ?? ''}`, platform);
}

async function readSource(name: string, platform?: string) {
  const source = (await parseImageSource(name, directory)) as Exclude<ImageSource, { kind: 'engine' }>;
  const image = await openImage(source, { name: name.replace(/\d+/, 'N'), platform }, signal);
  const { layers } = await readStoredLayers(image, new LayerCache(join(directory, 'cache')), { signal });
  return {
    facts: image.facts,
    layers: layers.map(({ diffId, bytes, instruction, pullBytes, blobBytes }) => ({
      diffId,
      bytes,
      instruction,
      download: blobBytes ?? pullBytes,
    })),
  };
}

const MEASURED = [
  { diffId: diffIds[0], bytes: 10_000, instruction: 'COPY a.js .' },
  { diffId: diffIds[1], bytes: 300, instruction: 'RUN make' },
];

describe('where an image is', () => {
  test('a name, a registry, a path', async () => {
    expect(await parseImageSource('node:26-alpine', directory)).toEqual({ kind: 'engine' });
    expect(await parseImageSource('ghcr.io/me/app.tar.gz.builder:1', directory)).toEqual({ kind: 'engine' });
    expect(await parseImageSource('docker://ghcr.io/me/app:1', directory)).toMatchObject({ kind: 'registry' });
    await writeFile(join(directory, 'a#b.tar'), '');
    expect(await parseImageSource('a#b.tar', directory)).toEqual({ kind: 'path', path: join(directory, 'a#b.tar') });
    expect(await parseImageSource('./a#b.tar#app:1', directory)).toMatchObject({ tag: 'app:1' });
  });

  test('the address of something else is wrong use, and shows no password', async () => {
    const error = await parseImageSource('https://user:hunter2@ghcr.io/me/app', directory).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'usage', hint: expect.stringContaining('docker://') });
    expect(error.message).toBe('https://user:***@ghcr.io/me/app is not the name of an image in a registry.');
    await expect(parseImageSource('DOCKER://ghcr.io/me/app', directory)).rejects.toMatchObject({ code: 'usage' });
  });

  test.each(['./no-such', 'no-such.tar', 'no-such.tar.xz', '../no-such.tar.gz', '/no/such', 'no-such.tar#app:1'])(
    '%s is not there',
    async (name) => {
      await expect(parseImageSource(name, directory)).rejects.toMatchObject({ code: 'usage' });
    },
  );
});

describe('an image is read from', () => {
  test("Docker's own archive, with calculated download sizes", async () => {
    const { facts, layers } = await read(DOCKER);
    expect(layers).toMatchObject(MEASURED);
    expect(layers[0]?.download).toBe(gzipSync(layerA, { level: 6 }).length);
    expect(facts).toMatchObject({
      id: `sha256:${sha256(config)}`,
      platform: 'linux/amd64',
      user: '1000',
      command: ['node', 'a.js'],
      ports: [3000],
      diffIds,
    });
  });

  test('an archive with layers that its writer has compressed', async () => {
    const content = document([{ Config: 'c.json', Layers: ['a.tar.gz', 'b.tar.gz'] }]);
    const { layers } = await read([
      { name: 'manifest.json', content },
      { name: 'c.json', content: config },
      { name: 'a.tar.gz', content: gzipA },
      { name: 'b.tar.gz', content: gzipB },
    ]);
    expect(layers).toMatchObject([{ download: gzipA.length }, { download: gzipB.length }]);
  });

  test('an OCI layout as an archive and as a directory, with the sizes of its blobs', async () => {
    const expected = [
      { ...MEASURED[0], download: gzipA.length },
      { ...MEASURED[1], download: gzipB.length },
    ];
    expect((await read(LAYOUT)).layers).toEqual(expected);
    // Nothing is read from the cache of a layer: its download size is that of this place.
    expect((await read(LAYOUT, { asDirectory: true })).layers).toEqual(expected);
    expect((await read(DOCKER)).layers[0]?.download).toBe(gzipSync(layerA, { level: 6 }).length);
  });

  test.each([
    ['.tar.gz', gzipSync],
    ['.tgz', gzipSync],
  ])('an archive that is compressed as a whole (%s)', async (ending, compress) => {
    expect((await read(compress(await tar(LAYOUT)), { ending })).layers).toMatchObject(MEASURED);
    expect((await read(compress(await tar(DOCKER)), { ending })).layers).toMatchObject(MEASURED);
  });

  test('an archive whose names begin with ./', async () => {
    const prefixed = LAYOUT.map((entry) => ({ ...entry, name: `./${entry.name}` }));
    expect((await read(prefixed)).layers).toMatchObject(MEASURED);
  });

  test('an index in an index, beside an attestation', async () => {
    const attestation = describeBlob(Buffer.from('{}'), {
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
    });
    const image = describeBlob(manifest, { platform: { os: 'linux', architecture: 'amd64' } });
    const inner = document({ manifests: [image, attestation] });
    expect((await read([...BLOBS, blobEntry(inner), indexOf(describeBlob(inner))])).layers).toMatchObject(MEASURED);
  });

  test('an image with the same layer twice, and one without layers', async () => {
    const twice = configOf([diffIds[0] ?? '', diffIds[0] ?? '']);
    const ofTwice = manifestOf(twice, [describeBlob(gzipA), describeBlob(gzipA)]);
    const layout = [gzipA, twice, ofTwice].map(blobEntry).concat(indexOf(describeBlob(ofTwice)));
    const { layers } = await read(layout, { asDirectory: true });
    expect(layers).toMatchObject([{ bytes: 10_000 }, { bytes: 10_000 }]);
    const source = { kind: 'path', path: join(directory, `layout-${count}`) } as const;
    const image = await openImage(source, { name: 'image' }, signal);
    const opened: string[] = [];
    for await (const { key, content } of image.open([image.layers[0]?.key ?? ''])) {
      opened.push(key);
      for await (const _ of content);
    }
    expect(opened).toEqual([image.layers[0]?.key]);
    const empty = configOf([]);
    const ofEmpty = manifestOf(empty, []);
    expect((await read([empty, ofEmpty].map(blobEntry).concat(indexOf(describeBlob(ofEmpty))))).layers).toEqual([]);
  });
});

describe('of several images', () => {
  const arm = configOf(diffIds, 'arm64');
  const ofArm = manifestOf(arm, [describeBlob(gzipA), describeBlob(gzipB)]);
  const onPlatform = (content: Buffer, architecture: string, variant?: string) =>
    describeBlob(content, { platform: { os: 'linux', architecture, variant } });
  const several = [
    ...[...LAYOUT.slice(0, -1), blobEntry(arm), blobEntry(ofArm)],
    indexOf(onPlatform(manifest, 'amd64'), onPlatform(ofArm, 'arm64', 'v8')),
  ];

  test('--platform chooses, and otherwise the platform of this machine', async () => {
    expect((await read(several, { platform: 'linux/arm64' })).facts.platform).toBe('linux/arm64');
    const { facts } = await read(several);
    expect(facts.platform).toBe(process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64');
  });

  test('of several variants, the newest', async () => {
    const images = ['v5', 'v7', 'v6'].map((variant) => {
      const ofVariant = Buffer.from(String(configOf([], 'arm')).replace('"arm"', `"arm","variant":"${variant}"`));
      return { variant, config: ofVariant, manifest: manifestOf(ofVariant, []) };
    });
    const entries = images.flatMap((image) => [blobEntry(image.config), blobEntry(image.manifest)]);
    const index = indexOf(...images.map((image) => onPlatform(image.manifest, 'arm', image.variant)));
    const platformFor = async (platform: string) => (await read([...entries, index], { platform })).facts.platform;
    expect(await platformFor('linux/arm')).toBe('linux/arm/v7');
    expect(await platformFor('linux/arm/v6')).toBe('linux/arm/v6');
  });

  test('#NAME and --platform choose, where each name has an index of its own', async () => {
    const inner = document({ manifests: [onPlatform(manifest, 'amd64'), onPlatform(ofArm, 'arm64')] });
    const other = document({ manifests: [onPlatform(manifest, 'amd64')] });
    const named = (content: Buffer, name: string) =>
      describeBlob(content, { annotations: { 'org.opencontainers.image.ref.name': name } });
    const entries = [...several.slice(0, -1), blobEntry(inner), blobEntry(other)];
    const layout = [...entries, indexOf(named(inner, 'app:1'), named(other, 'app:2'))];
    const { facts } = await read(layout, { ending: '.tar#app:1', platform: 'linux/arm64' });
    expect(facts.platform).toBe('linux/arm64');
  });

  test('a platform that is not there', async () => {
    await expect(read(several, { platform: 'linux/s390x' })).rejects.toMatchObject({
      message: './image-N.tar has no image for linux/s390x.',
      hint: 'It has images for linux/amd64, linux/arm64/v8. To choose: --platform linux/amd64',
    });
    await expect(read(LAYOUT, { platform: 'linux/arm64' })).rejects.toThrow('is for linux/amd64, not for linux/arm64.');
    await expect(read(DOCKER, { platform: 'linux/arm64' })).rejects.toThrow('is for linux/amd64, not for linux/arm64.');
  });

  test('#NAME chooses, in both forms', async () => {
    const named = (content: Buffer, name: string) =>
      describeBlob(content, {
        annotations: {
          'io.containerd.image.name': `docker.io/library/${name}`,
          'org.opencontainers.image.ref.name': name,
        },
      });
    const layout = [...several.slice(0, -1), indexOf(named(manifest, 'app:1'), named(ofArm, 'app:2'))];
    expect((await read(layout, { ending: '.tar#app:2' })).facts.platform).toBe('linux/arm64');
    expect((await read(layout, { ending: '.tar#docker.io/library/app:1' })).facts.platform).toBe('linux/amd64');
    await expect(read(layout)).rejects.toThrow('has several images: docker.io/library/app:1, docker.io/library/app:2.');
    await expect(read(layout, { ending: '.tar#app:3' })).rejects.toThrow('has no image app:3.');

    const content = document([
      { Config: 'ddd.json', RepoTags: ['app:1'], Layers: ['aaa/layer.tar', 'bbb/layer.tar'] },
      { Config: 'arm.json', RepoTags: ['app:2'], Layers: ['aaa/layer.tar', 'bbb/layer.tar'] },
    ]);
    const docker = [...DOCKER.slice(0, -1), { name: 'arm.json', content: arm }, { name: 'manifest.json', content }];
    expect((await read(docker, { ending: '.tar#app:2' })).facts.platform).toBe('linux/arm64');
    await expect(read(docker)).rejects.toMatchObject({
      message: './image-N.tar has several images: app:1, app:2.',
      hint: "To choose one: --image './image-N.tar#app:1'",
    });
    const nameless = docker.map((entry) =>
      entry.content === content
        ? { ...entry, content: Buffer.from(String(content).replaceAll('RepoTags', 'x')) }
        : entry,
    );
    await expect(read(nameless)).rejects.toMatchObject({
      message: './image-N.tar has several images without a name.',
      hint: 'Save one of them alone.',
    });
    await expect(read(docker, { ending: '.tar#app:3' })).rejects.toMatchObject({ hint: 'It has: app:1, app:2.' });
  });

  const nameOf = (name: string) => ({ annotations: { 'io.containerd.image.name': name } });

  test('#NAME chooses where each image has an index of its own, as containerd saves them', async () => {
    const indexes = [onPlatform(manifest, 'amd64'), onPlatform(ofArm, 'arm64')].map((image) =>
      document({ manifests: [image] }),
    );
    const outer = indexOf(...indexes.map((index, number) => describeBlob(index, nameOf(`app:${number + 1}`))));
    const nested = [...several.slice(0, -1), ...indexes.map(blobEntry), outer];
    const options = { ending: '.tar#app:2', platform: 'linux/arm64' };
    expect((await read(nested, options)).facts.platform).toBe('linux/arm64');
    await expect(read(nested)).rejects.toThrow('has several images: app:1, app:2.');
  });

  test('one image with two names is one image', async () => {
    const twice = ['app:1', 'app:latest'].map((name) => describeBlob(manifest, nameOf(name)));
    expect((await read([...BLOBS, indexOf(...twice)])).layers).toMatchObject(MEASURED);
  });

  test('names in the index of a registry do not count: it is of one image', async () => {
    const index = document({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [
        { ...onPlatform(manifest, 'amd64'), ...nameOf('1-amd64') },
        { ...onPlatform(ofArm, 'arm64'), ...nameOf('1-arm64') },
      ],
    });
    const blobs = new Map([gzipA, gzipB, config, arm].map((blob) => [`sha256:${sha256(blob)}`, blob]));
    const manifests = new Map([manifest, ofArm].map((one) => [`sha256:${sha256(one)}`, one]));
    const { host } = await serve(({ url }, response) => {
      const digest = url.split('/').at(-1) ?? '';
      const type = manifests.has(digest)
        ? 'application/vnd.oci.image.manifest.v1+json'
        : 'application/vnd.oci.image.index.v1+json';
      response.setHeader('content-type', type).end(blobs.get(digest) ?? manifests.get(digest) ?? index);
    });
    const name = `docker://${host}/app:1`;
    expect((await readSource(name, 'linux/arm64')).facts.platform).toBe('linux/arm64');
  });

  test('what an index says is not repeated without end, and nothing of it gets into a command', async () => {
    const strange = (name: string, content: Buffer) => describeBlob(content, nameOf(name));
    const named = [...several.slice(0, -1), indexOf(strange("a'; b '", manifest), strange('c'.repeat(9999), ofArm))];
    const error = await read(named).catch((thrown) => thrown);
    expect(error.message.length).toBeLessThan(1200);
    expect(error.hint).toBe("To choose one: --image './image-N.tar#NAME'");
    const platforms = Array.from({ length: 999 }, (_, number) => onPlatform(Buffer.from(`${number}`), `$(${number})`));
    const { hint } = await read([...BLOBS, indexOf(...platforms)]).catch((thrown) => thrown);
    expect(hint.length).toBeLessThan(1200);
    expect(hint).not.toContain('To choose');
  });
});

describe('one clear error for', () => {
  test.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'a layer with other content',
      () => read(withBlob(gzipA, otherLayer)),
      /is damaged: sha256:\w+ has (more|less) than its \d+ bytes\.$/,
    ],
    [
      'a blob with more bytes',
      () => read(withBlob(gzipB, Buffer.concat([gzipB, Buffer.alloc(1000)]))),
      /has more than its/,
    ],
    ['a blob that is cut off', () => read(withBlob(gzipB, gzipB.subarray(0, -9))), /cannot be read|has less than its/],
    ['a blob with one other bit', () => read(withBlob(gzipA, flip(gzipA))), /is damaged|cannot be read/],
    [
      'a layer with other bytes after its end',
      () => {
        const longer = Buffer.concat([gzipA, Buffer.alloc(3 << 20)]);
        const { digest } = describeBlob(Buffer.concat([longer, Buffer.from('x')]));
        const ofLonger = manifestOf(config, [{ mediaType: GZIP, digest, size: longer.length }, describeBlob(gzipB)]);
        const entry = { name: `blobs/sha256/${digest.slice(7)}`, content: longer };
        return read([...BLOBS, entry, blobEntry(ofLonger), indexOf(describeBlob(ofLonger))]);
      },
      /is damaged: its layer sha256:\w+ has bytes after its end/,
    ],
    ['a layer that is not there', () => read(withBlob(gzipA)), /is damaged: it lacks the layer sha256:/],
    [
      'a configuration that is not there',
      () => read(withBlob(config)),
      /is damaged: it lacks its configuration sha256:/,
    ],
    ['a manifest that is not there', () => read(withBlob(manifest)), /is damaged: it lacks sha256:/],
    [
      'a manifest with other content',
      () => read(withBlob(manifest, document({ config: {}, layers: [] }))),
      /is damaged: sha256:\w+ has the digest sha256:/,
    ],
    [
      'an archive without a manifest',
      () => read([{ name: 'app/a.js', content: 'a' }]),
      /is not the archive of an image\.$/,
    ],
    ['an empty file', () => read(Buffer.alloc(0)), /is not the archive of an image|cannot be read/],
    ['a file that is not a tar', () => read(Buffer.from('hello'.repeat(1000))), /it is not a tar, or it is damaged\.$/],
    [
      'an entry whose name has a megabyte',
      () => read([...LAYOUT, { name: 'a'.repeat(1e6), content: '' }]),
      /cannot be read: the name of an entry is too long$/,
    ],
    ['an archive that is cut off', async () => read((await tar(LAYOUT)).subarray(0, 2000)), /cannot be read/],
    [
      'a gzip that is cut off',
      async () => read(gzipSync(await tar(LAYOUT)).subarray(0, 400), { ending: '.tgz' }),
      /cannot be read/,
    ],
    ["Docker's archive without a layer", () => read(DOCKER.slice(1)), /it lacks the layer sha256:/],
    [
      "Docker's archive without its configuration",
      () => read(DOCKER.filter(({ name }) => name !== 'ddd.json')),
      /it lacks ddd\.json/,
    ],
    [
      "a layer of Docker's archive that is another one",
      () => read(DOCKER.map((entry) => (entry.content === layerA ? { ...entry, content: layerB } : entry))),
      /is damaged: its layer sha256:\w+ is sha256:/,
    ],
    [
      'a layer that is not a tar',
      () => read(DOCKER.map((entry) => (entry.content === layerA ? { ...entry, content: 'not a tar' } : entry))),
      /A layer of .* cannot be read/,
    ],
  ])('%s', async (_what, work, message) => {
    const error = await work().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'ToolError', message: expect.stringMatching(message) });
    expect((error as Error).message).toMatch(/^(The |A layer of |.*\.\/image-N\.)/);
  });

  const ofContent = (content: Buffer) => read([...BLOBS, blobEntry(content), indexOf(describeBlob(content))]);
  const ofManifest = (value: object) => ofContent(document(value));
  const parsedManifest = JSON.parse(String(manifest));

  test.each<[string, () => Promise<unknown>, RegExp]>([
    ['schema version 1', () => ofManifest({ schemaVersion: 1, fsLayers: [] }), /it is of schema version 1/],
    ['another document', () => ofManifest({ hello: 'world' }), /The manifest of .* cannot be read: config/],
    [
      'a page, by its digest',
      () => ofContent(Buffer.from('{<html>}')),
      /The manifest of .* cannot be read: it is not JSON\./,
    ],
    [
      'another type',
      () => ofManifest({ mediaType: 'application/vnd.oci.empty.v1+json', config: describeBlob(config), layers: [] }),
      /The manifest of .* cannot be read: mediaType: /,
    ],
    [
      'the type of an index',
      () => ofManifest({ ...parsedManifest, mediaType: 'application/vnd.oci.image.index.v1+json' }),
      /The manifest of .* cannot be read: mediaType: /,
    ],
    [
      'an index that is a manifest as well',
      () => ofManifest({ ...parsedManifest, manifests: [describeBlob(manifest)] }),
      /it is an index as well/,
    ],
    [
      'a digest that is a path',
      () => ofManifest({ config: { digest: 'sha256:../../etc/passwd', size: 1 }, layers: [] }),
      /only digests of the form/,
    ],
    [
      'another kind of digest',
      () => ofManifest({ manifests: [{ digest: `sha512:${'0'.repeat(128)}`, size: 1 }] }),
      /only digests of the form/,
    ],
    [
      'more layers than there are',
      () => ofManifest({ config: describeBlob(config), layers: [describeBlob(gzipA)] }),
      /its manifest has 1 layers, its configuration 2/,
    ],
    [
      'a configuration of gigabytes',
      () => ofManifest({ config: { ...describeBlob(config), size: 5e9 }, layers: [] }),
      /has 5000000000 bytes/,
    ],
    [
      'a configuration that is a layer',
      () => ofManifest({ config: describeBlob(gzipA), layers: [] }),
      /The configuration of .* cannot be read/,
    ],
    [
      'layers that are elsewhere',
      () => {
        const foreign = { mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' };
        return ofManifest({
          config: describeBlob(config),
          layers: [describeBlob(gzipA, foreign), describeBlob(gzipB)],
        });
      },
      /has layers that are not in its registry/,
    ],
    ['an index without images', () => ofManifest({ manifests: [] }), /has no image in it/],
  ])('a manifest: %s', async (_what, work, message) => {
    await expect(work()).rejects.toThrow(message);
  });

  test('indexes without end', async () => {
    let content = manifest;
    const entries = [...BLOBS];
    for (let depth = 0; depth < 6; depth += 1) {
      content = document({ manifests: [describeBlob(content)] });
      entries.push(blobEntry(content));
    }
    await expect(read([...entries, indexOf(describeBlob(content))])).rejects.toThrow('indexes without end');
  });

  test('too many entries, and too much JSON', async () => {
    const many = Array.from({ length: 20_001 }, (_, index) => ({ name: `x${index}` }));
    await expect(read([...many, ...LAYOUT])).rejects.toThrow('more than 20000 entries');
    const large = Buffer.from(`{${' '.repeat(4e6)}}`);
    const documents = Array.from({ length: 17 }, (_, index) => ({ name: `x${index}.json`, content: large }));
    await expect(read([...documents, ...LAYOUT])).rejects.toThrow('bytes of JSON');
  });

  test('an archive that unpacks as if without end', async () => {
    // A gzip may have several members.
    const zeros = Buffer.concat(Array(10).fill(gzipSync(Buffer.alloc(60 << 20))));
    await expect(read(zeros, { ending: '.tar.gz' })).rejects.toThrow(/200 times its size/);
  });

  test('a directory without an index, and links out of a layout', async () => {
    await mkdir(join(directory, 'other'), { recursive: true });
    await expect(readSource('./other')).rejects.toThrow('./other is not an OCI layout: it has no index.json.');
    await read(LAYOUT, { asDirectory: true });
    const blob = join(directory, `layout-${count}/blobs/sha256/${sha256(gzipA)}`);
    await rm(blob);
    await rm(join(directory, 'cache'), { recursive: true });
    await symlink('/dev/zero', blob);
    await expect(readSource(`./layout-${count}`)).rejects.toThrow(/is damaged: it lacks the layer sha256:/);
    await expect(readSource('/dev/zero')).rejects.toThrow('/dev/zero is not a file.');
  });
});

/** The same bytes, with one bit that is another in their middle. */
function flip(content: Buffer): Buffer {
  const copy = Buffer.from(content);
  const middle = copy.length >> 1;
  copy[middle] = (copy[middle] ?? 0) ^ 1;
  return copy;
}
