import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { STAND_IN_LABEL } from '../../engine/labels.ts';
import type { Progress } from '../../lib/progress.ts';
import { provideBaseImages } from '../../setup/base-images.ts';
import { hashRecipe, RECIPE_LABEL } from '../../setup/stand-ins.ts';
import { docker, engine } from './test-engine.ts';

// Setup's third step against a real registry, as small as one can be, on this machine's loopback address: engines
// speak plain HTTP there.

const sha256 = (data: Buffer) => `sha256:${createHash('sha256').update(data).digest('hex')}`;

async function rootTar(text: string): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: 'hello' }, text);
  tar.finalize();
  return buffer(tar as AsyncIterable<Buffer>);
}

/** The files of a registry that has one image, by path. */
async function registryFiles(): Promise<Map<string, { type: string; body: Buffer }>> {
  const tar = await rootTar('from the registry');
  const layer = gzipSync(tar);
  const config = Buffer.from(
    JSON.stringify({
      os: 'linux',
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      config: {},
      rootfs: { type: 'layers', diff_ids: [sha256(tar)] },
    }),
  );
  const docker = 'application/vnd.docker';
  const part = (mediaType: string, body: Buffer) => ({ mediaType, size: body.length, digest: sha256(body) });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${docker}.distribution.manifest.v2+json`,
      config: part(`${docker}.container.image.v1+json`, config),
      layers: [part(`${docker}.image.rootfs.diff.tar.gzip`, layer)],
    }),
  );
  const asManifest = { type: `${docker}.distribution.manifest.v2+json`, body: manifest };
  return new Map([
    ['/v2/', { type: 'application/json', body: Buffer.from('{}') }],
    ['/v2/base/manifests/1', asManifest],
    [`/v2/base/manifests/${sha256(manifest)}`, asManifest],
    ...[config, layer].map(
      (body) => [`/v2/base/blobs/${sha256(body)}`, { type: 'application/octet-stream', body }] as const,
    ),
  ]);
}

describe('base images', () => {
  const server = createServer();
  const lines: string[] = [];
  const progress: Progress = {
    task: (name) => {
      const end = (text: string) => lines.push(`${name}: ${text}`);
      return { update: () => {}, done: end, fail: end };
    },
    note: (text) => lines.push(text),
    close: () => {},
  };
  let name = '';

  beforeAll(async () => {
    const files = await registryFiles();
    server.on('request', ({ url = '', method }, response) => {
      const file = files.get(url);
      if (!file) {
        response.writeHead(404, { 'content-type': 'application/json' }).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
        return;
      }
      response.writeHead(200, {
        'content-type': file.type,
        'content-length': file.body.length,
        'docker-content-digest': sha256(file.body),
      });
      response.end(method === 'HEAD' ? undefined : file.body);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    name = `127.0.0.1:${(server.address() as AddressInfo).port}/base:1`;
  });
  beforeEach(() => {
    lines.length = 0;
  });
  afterAll(async () => {
    server.close();
    await engine.removeImage(name);
  });

  test('a missing one is pulled, a present one is left alone', async () => {
    await provideBaseImages(engine, [name], progress);
    expect(lines).toEqual([`base image ${name}: pulled`]);
    await provideBaseImages(engine, [name], progress);
    expect(lines.at(-1)).toBe(`base image ${name}: present`);
  });

  test('a stand-in is replaced when the registry can be reached again', async () => {
    await engine.removeImage(name);
    await engine.importRoot(Readable.from([await rootTar('a stand-in')]), name, { [STAND_IN_LABEL]: name });
    const before = await engine.image(name);
    await provideBaseImages(engine, [name], progress);
    expect(lines).toEqual([`base image ${name}: pulled`]);
    const after = await engine.image(name);
    expect(after?.id).not.toBe(before?.id);
    expect(after?.labels).toEqual({});
    expect(await engine.image(before?.id as string)).toBeNull();
  });

  test('an image that was built on a stand-in is not a stand-in, and is left alone', async () => {
    const built = 'multi-stage-node/test:built-on-stand-in';
    await engine.importRoot(Readable.from([await rootTar('built')]), built, { [STAND_IN_LABEL]: 'node:26' });
    await provideBaseImages(engine, [built], progress);
    expect(lines).toEqual([`base image ${built}: present`]);
    await docker('rmi', built);
  });

  test('a registry that refuses is an error, not a reason for a stand-in', async () => {
    const missing = name.replace('base:1', 'other:1');
    await expect(provideBaseImages(engine, [missing], progress)).rejects.toThrow('docker pull failed');
    expect(lines).toEqual([`base image ${missing}: cannot be pulled`]);
  });

  test('a current stand-in stays where the registry cannot be reached', async () => {
    const unreachable = '127.0.0.1:9/base:2';
    const labels = { [STAND_IN_LABEL]: unreachable, [RECIPE_LABEL]: await hashRecipe() };
    await engine.importRoot(Readable.from([await rootTar('a stand-in')]), unreachable, labels);
    const before = await engine.image(unreachable);
    await provideBaseImages(engine, [unreachable], progress);
    expect(lines).toEqual([`base image ${unreachable}: present, a stand-in: its registry cannot be reached`]);
    expect(await engine.image(unreachable)).toEqual(before);
    await engine.removeImage(unreachable);
  });

  test('a registry that cannot be reached, and no stand-in, is an error that names the image', async () => {
    const unreachable = '127.0.0.1:9/base:1';
    await expect(provideBaseImages(engine, [unreachable], progress)).rejects.toThrow(
      `${unreachable} cannot be pulled, and there is no stand-in for it.`,
    );
  });
});
