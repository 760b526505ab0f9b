import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type ImageSource, openImage, parseImageSource } from '../../compare/inspect/image-source.ts';
import type { ImageLayer } from '../../compare/inspect/layer.ts';
import { LayerCache } from '../../compare/inspect/layer-cache.ts';
import { readStoredLayers } from '../../compare/inspect/stored-image.ts';
import type { ImageReport, Report } from '../../compare/model/report-schema.ts';
import { runTools } from './image-tools.ts';
import { look } from './look.ts';
import { startImageRegistry, type TestRegistry } from './registry-container.ts';
import { Bench, docker, engine, startProgram } from './test-engine.ts';

// The same image, from the engine, from the archives that Docker, Podman, Skopeo and BuildKit make of it, and from a registry. BuildKit's own
// archives come from Docker 26 with its containerd image store, which runs in a container.

const bench = new Bench();
let directory = '';
let name = '';
let registry: TestRegistry;
let report: Report;
/** The layers of the image at the engine, with all their files. */
let expected: ImageLayer[] = [];

/**
 * Makes each archive, and sends two of them to the registry. image.tar has the image; the arguments are its name and the
 * password of the registry.
 */
const MAKE_ARCHIVES = `
skopeo copy --quiet docker-archive:image.tar oci-archive:skopeo-gzip.tar
skopeo copy --quiet docker-archive:image.tar oci:skopeo-directory:one
skopeo copy --quiet --dest-compress-format zstd docker-archive:image.tar oci-archive:skopeo-zstd.tar
for form in gzip zstd; do
  skopeo copy --quiet --preserve-digests --dest-tls-verify=false --dest-creds "user:$2" \
    "oci-archive:skopeo-$form.tar" "docker://127.0.0.1:5000/team/app:$form"
done
zstd --quiet image.tar -o image.tar.zst
gzip --keep image.tar

podman() { command podman --storage-driver vfs "$@"; }
podman load --quiet --input image.tar
podman save --quiet --output podman-docker.tar "$1"
podman save --quiet --format oci-archive --output podman-oci.tar "$1"

mkdir -p /etc/docker
echo '{ "features": { "containerd-snapshotter": true }, "storage-driver": "native" }' > /etc/docker/daemon.json
dockerd --iptables=false --ip6tables=false --bridge=none > dockerd.log 2>&1 &
for _ in $(seq 200); do docker version > dockerd.version 2>&1 && break; sleep 0.1; done
docker buildx build --quiet --platform linux/amd64,linux/arm64 --provenance=true --output type=oci,dest=buildkit.tar context
docker buildx build --quiet --output type=oci,dest=buildkit-zstd.tar,compression=zstd,force-compression=true context
docker buildx build --quiet --output type=docker,dest=buildkit-docker.tar context
docker load --quiet --input image.tar
docker save --output docker-26.tar "$1"
`;

/** The archives of the image that the engine has built, with whether their layers are compressed. */
const ARCHIVES = [
  ['./image.tar', 'calculated'],
  ['./image.tar.gz', 'calculated'],
  ['./image.tar.zst', 'calculated'],
  ['./skopeo-gzip.tar', 'stored'],
  ['./skopeo-directory', 'stored'],
  ['./skopeo-zstd.tar', 'stored'],
  ['./podman-docker.tar', 'calculated'],
  ['./podman-oci.tar', 'stored'],
  ['./docker-26.tar', 'calculated'],
] as const;

/** Those of the images that BuildKit has built from the same Dockerfile. */
const BUILT = ['./buildkit.tar', './buildkit-zstd.tar', './buildkit-docker.tar'];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sources-'));
  const context = join(directory, 'context');
  await mkdir(context);
  await writeFile(join(context, 'app.js'), `${'console.log("hello");\n'.repeat(2000)}`);
  await writeFile(join(context, '.env'), 'TOKEN=1\n');
  await writeFile(
    join(context, 'Dockerfile'),
    'FROM scratch\nCOPY app.js .env /app/\nCOPY app.js /app/second.js\nUSER 1000\nCMD ["/app/app.js"]\n',
  );
  const id = await bench.build(context, 'Dockerfile');
  name = `multi-stage-node/test:${bench.id}-archive`;
  await docker('tag', id, name);
  await docker('save', '--output', join(directory, 'image.tar'), name);
  registry = await startImageRegistry(bench);
  const args = [name, registry.password];
  await runTools(bench, { directory, network: registry.id, script: MAKE_ARCHIVES, args });
  // What `docker login` writes, and the registry's certificate where Docker looks for it.
  const auth = Buffer.from(`user:${registry.password}`).toString('base64');
  await writeFile(join(directory, 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }));
  await mkdir(join(directory, 'certs.d', registry.host), { recursive: true });
  await writeFile(join(directory, 'certs.d', registry.host, 'ca.crt'), registry.certificate);
  const image = await engine.image(name);
  if (!image) throw new Error(`There is no image ${name}.`);
  expected = (await look(image, join(directory, 'cache-of-the-engine'))).layers;
  report = await compare(
    '--image',
    name,
    ...[...ARCHIVES.map(([file]) => file), ...BUILT].flatMap((file) => ['--image', file]),
  );
});
afterAll(async () => {
  await bench.cleanUp();
  await rm(directory, { recursive: true });
});

/** The report of compare, in the directory of the archives. */
async function compare(...args: string[]): Promise<Report> {
  const env = { INIT_CWD: directory, DOCKER_CONFIG: directory };
  const { code, stdout, stderr } = await startProgram('compare', [...args, '--json', '-'], env).ended;
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

let reads = 0;

/** The layers of a stored image, read with an empty cache: a layer that compare knows by its digest is not read again. */
async function readLayers(file: string): Promise<ImageLayer[]> {
  const source = (await parseImageSource(file, directory)) as Exclude<ImageSource, { kind: 'engine' }>;
  const { signal } = new AbortController();
  reads += 1;
  const cache = new LayerCache(join(directory, `cache-${reads}`));
  const { layers } = await readStoredLayers(await openImage(source, { name: file }, signal), cache, { signal });
  return layers.map(({ blobBytes: _, ...layer }) => layer);
}

function imageOf({ images }: Report, variant: string): ImageReport {
  const image = images.find((one) => one.variant === variant);
  if (!image?.size || !image.contents) throw new Error(`${variant} was not measured: ${image?.error}`);
  return image;
}

describe.each(ARCHIVES)('%s, whose download size is %s', (file, compression) => {
  test('has the same files in its layers', async () => {
    expect(expected.flatMap(({ files }) => files).length).toBeGreaterThan(2);
    expect(await readLayers(file)).toEqual(expected);
  });

  test('has everything that the image at the engine has', () => {
    const [archived, built] = [imageOf(report, file), imageOf(report, name)];
    const { contents, findings, config } = built;
    expect(archived).toMatchObject({ contents, findings, config, error: null, standIn: false });
    const layersOf = ({ size }: ImageReport) =>
      size?.layers.map(({ digest, bytes, instruction }) => ({ digest, bytes, instruction }));
    expect(layersOf(archived)).toEqual(layersOf(built));
    expect(archived.size).toMatchObject({ unpackedBytes: built.size?.unpackedBytes, compression });
    if (compression === 'calculated') expect(archived.size?.pullBytes).toBe(built.size?.pullBytes);
  });
});

test('the download size is that of the blobs: the same wherever they are the same, another with zstd', () => {
  const download = (file: string) => imageOf(report, file).size?.pullBytes ?? 0;
  expect(download('./skopeo-directory')).toBe(download('./skopeo-gzip.tar'));
  expect(download('./skopeo-zstd.tar')).toBeLessThan(download('./skopeo-gzip.tar'));
  expect(download('./buildkit-zstd.tar')).toBeLessThan(download('./buildkit.tar'));
});

test.each(BUILT)("%s, as BuildKit's own archive", async (file) => {
  const [archived, built] = [imageOf(report, file), imageOf(report, name)];
  const bytes = (await readLayers(file)).reduce((sum, layer) => sum + layer.bytes, 0);
  expect([bytes, archived.size?.unpackedBytes]).toEqual([built.size?.unpackedBytes, built.size?.unpackedBytes]);
  expect(archived.findings).toEqual(built.findings);
});

test.each(['gzip', 'zstd'])(
  'the same image in a registry (%s), with the download size of the same archive',
  async (form) => {
    const reference = `docker://${registry.host}/team/app:${form}`;
    vi.stubEnv('DOCKER_CONFIG', directory);
    expect(await readLayers(reference)).toEqual(expected);
    vi.unstubAllEnvs();
    const fromRegistry = await compare('--image', reference);
    expect(fromRegistry.engine).toBeNull();
    const { size, contents, findings, config } = imageOf(fromRegistry, reference);
    const archived = imageOf(report, `./skopeo-${form}.tar`);
    const layers = archived.size?.layers.map((layer) => ({ ...layer, sharedWith: [] }));
    expect(size).toEqual({ ...archived.size, layers });
    expect(archived).toMatchObject({ contents, findings, config });
  },
);

test('no engine is asked for archives, and --platform chooses', async () => {
  const file = join(directory, 'buildkit.tar');
  const env = { PATH: '/nonexistent', DOCKER_HOST: 'tcp://127.0.0.1:1' };
  const arm = await startProgram('compare', ['--image', file, '--platform', 'linux/arm64', '--json', '-'], env).ended;
  expect(arm).toMatchObject({ code: 0, stdout: expect.stringContaining('"engine": null') });
  const other = await startProgram('compare', ['--image', file, '--platform', 'linux/s390x'], env).ended;
  expect(other).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('It has images for linux/amd64, linux/arm64.'),
  });
});

test('an archive that is damaged on its way', async () => {
  const path = join(directory, 'damaged.tar');
  await cp(join(directory, 'skopeo-gzip.tar'), path);
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, bytes.length >> 1));
  const { code, stdout } = await startProgram('compare', ['--image', path]).ended;
  expect({ code, stdout }).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/damaged\.tar (cannot be read|is damaged): /),
  });
});
