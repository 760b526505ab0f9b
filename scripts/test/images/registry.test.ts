import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { sha256 } from '../../lib/digest.ts';
import { describeError } from '../../lib/errors.ts';
import { parseReference } from '../../registry/reference.ts';
import { type BlobDescriptor, openRegistry } from '../../registry/registry.ts';
import { startImageRegistry, type TestRegistry } from './registry-container.ts';
import { Bench, docker, engine } from './test-engine.ts';

// Images from the registry of Debian's package docker-registry, with https and a password.

// The registry is on the engine's loopback address.
const canRun = engine.info.name === 'docker' && process.platform === 'linux' && !process.env.DOCKER_HOST;
const bench = new Bench();
const descriptor = z.object({ digest: z.string(), size: z.number() });
const manifestFormat = z.object({ config: descriptor, layers: z.array(descriptor) });

let registry: TestRegistry;
let directory = '';
let name = '';
/** The digests of the unpacked layers, by the engine. */
let layers: string[] = [];

beforeAll(async () => {
  if (!canRun) return;
  directory = await mkdtemp(join(tmpdir(), 'registry-'));
  registry = await startImageRegistry(bench);
  const context = join(directory, 'context');
  await mkdir(context);
  await writeFile(join(context, 'large'), randomBytes(3 << 20));
  await writeFile(join(context, 'small'), 'small\n');
  await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nCOPY large /\nCOPY small /\nCMD ["/small"]\n');
  const image = await bench.build(context, 'Dockerfile');
  name = `${registry.host}/team/app:1`;
  await docker('tag', image, name);
  const settings = await writeSettings('push', { auths: { [registry.host]: { auth: authOf(registry.password) } } });
  await docker('--config', settings, 'push', name);
  layers = JSON.parse(await docker('image', 'inspect', '--format', '{{json .RootFS.Layers}}', image));
});

afterEach(() => void vi.unstubAllEnvs());

afterAll(async () => {
  if (!canRun) return;
  await bench.cleanUp();
  await rm(directory, { recursive: true });
});

const authOf = (password: string) => Buffer.from(`user:${password}`).toString('base64');

/** Writes Docker's settings. Returns their directory. */
async function writeSettings(title: string, config: unknown, certificate?: string): Promise<string> {
  const settings = join(directory, title);
  await mkdir(settings, { recursive: true });
  await writeFile(join(settings, 'config.json'), JSON.stringify(config));
  if (certificate !== undefined) {
    await mkdir(join(settings, 'certs.d', registry.host), { recursive: true });
    await writeFile(join(settings, 'certs.d', registry.host, 'ca.crt'), certificate);
  }
  return settings;
}

/** Opens the image with the settings of a directory. */
function openImage(settings: string, suffix = '') {
  vi.stubEnv('DOCKER_CONFIG', settings);
  return openRegistry(parseReference(`docker://${name}${suffix}`), new AbortController().signal);
}

/** The digest of a content, piece by piece. */
async function digestOf(source: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of source) hash.update(chunk);
  return `sha256:${hash.digest('hex')}`;
}

test.runIf(canRun)('an image, by its tag and by its digest', async () => {
  const config = { auths: { [registry.host]: { auth: authOf(registry.password) } } };
  const settings = await writeSettings('password', config, registry.certificate);
  const image = openImage(settings);
  const manifest = await image.manifest();
  const { config: configBlob, layers: layerBlobs } = manifestFormat.parse(JSON.parse(String(manifest)));
  expect(layerBlobs).toHaveLength(2);
  const unpack = (blob: BlobDescriptor) => Readable.from(image.blob(blob)).pipe(createGunzip());
  expect(await Promise.all(layerBlobs.map((blob) => digestOf(unpack(blob))))).toEqual(layers);
  expect(await digestOf(image.blob(configBlob))).toBe(configBlob.digest);

  expect(await openImage(settings, `@${sha256(manifest)}`).manifest()).toEqual(manifest);
  const size = (layerBlobs[0]?.size ?? 0) + 1;
  await expect(digestOf(image.blob({ digest: layerBlobs[0]?.digest ?? '', size }))).rejects.toThrow(
    /has less than its/,
  );
});

test.runIf(canRun)('a password from a credential helper', async () => {
  const settings = await writeSettings('helper', { credsStore: 'test' }, registry.certificate);
  const answer = JSON.stringify({ ServerURL: registry.host, Username: 'user', Secret: registry.password });
  const helper = join(settings, 'docker-credential-test');
  await writeFile(helper, `#!/bin/sh\n[ "$(cat)" = '${registry.host}' ] && printf %s '${answer}'\n`);
  await chmod(helper, 0o755);
  vi.stubEnv('PATH', `${settings}:${process.env.PATH}`);
  expect(String(await openImage(settings).manifest())).toContain('"layers"');
});

test.runIf(canRun)('a wrong password, and none', async () => {
  const wrong = { auths: { [registry.host]: { auth: authOf('the-wrong-one') } } };
  for (const config of [wrong, {}]) {
    const settings = await writeSettings('wrong', config, registry.certificate);
    const error = await openImage(settings)
      .manifest()
      .catch((reason) => reason);
    expect(describeError(error)).toBe(
      `Cannot read docker://${name}: GET https://${registry.host}/v2/team/app/manifests/1 was answered with status 401 (Unauthorized).
  | UNAUTHORIZED: authentication required
Log in as a user who may read the image: \`docker login ${registry.host}\`.
Check the name as well: many registries respond like this when there is no such image.`,
    );
  }
});

test.runIf(canRun)('a certificate that nothing trusts', async () => {
  const settings = await writeSettings('no-authority', {
    auths: { [registry.host]: { auth: authOf(registry.password) } },
  });
  await expect(openImage(settings).manifest()).rejects.toMatchObject({
    code: 'registry-unreliable',
    message: expect.stringContaining('The certificate is not trusted:'),
    lines: [expect.stringContaining('self-signed certificate')],
    hint: expect.stringContaining(`/etc/docker/certs.d/${registry.host}/ca.crt`),
  });
});

test.runIf(canRun)('a tag that is not there', async () => {
  const config = { auths: { [registry.host]: { auth: authOf(registry.password) } } };
  vi.stubEnv('DOCKER_CONFIG', await writeSettings('password', config, registry.certificate));
  const reference = parseReference(`docker://${registry.host}/team/app:missing`);
  await expect(openRegistry(reference, new AbortController().signal).manifest()).rejects.toMatchObject({
    code: 'image-not-found',
    lines: ['MANIFEST_UNKNOWN: manifest unknown'],
  });
});
