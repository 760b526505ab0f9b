import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findEngine } from '../../engine/find-engine.ts';
import { STAND_IN_LABEL } from '../../engine/labels.ts';
import type { Progress } from '../../lib/progress.ts';
import { provideBaseImages, registryOf, type StandInChoice } from '../../setup/base-images.ts';
import { listStandIns, removeStandIns } from '../../setup/remove-stand-ins.ts';
import { hashRecipe, RECIPE_LABEL } from '../../setup/stand-ins.ts';
import { docker, engine } from './test-engine.ts';

// Setup's third step against a real registry, as small as one can be, on this machine's loopback address: engines
// speak plain HTTP there.

/** The first pause of setup between two attempts to reach a registry, in milliseconds. */
const PAUSE_MS = 1000;

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
  let requests = 0;
  /** How many of the next connections the registry closes without a response. */
  let closeNext = 0;
  /** Whether the registry keeps connections open without a response. */
  let isSilent = false;
  const choice: StandInChoice = {
    requested: false,
    confirm: async () => {
      throw new Error('There is nothing to ask.');
    },
    signal: new AbortController().signal,
  };
  const provide = (names: string[], options = choice) => provideBaseImages(engine, names, progress, options);
  const importStandIn = async (standIn: string) =>
    engine.importRoot(Readable.from([await rootTar('a stand-in')]), standIn, {
      [STAND_IN_LABEL]: standIn,
      [RECIPE_LABEL]: await hashRecipe(),
    });

  beforeAll(async () => {
    const files = await registryFiles();
    server.on('request', ({ url = '', method, socket }, response) => {
      requests += 1;
      if (isSilent) return;
      if (closeNext > 0) {
        closeNext -= 1;
        socket.destroy();
        return;
      }
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
    closeNext = 0;
    isSilent = false;
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await engine.removeImage(name);
  });

  test('a missing one is pulled, a present one is left alone', async () => {
    await provide([name]);
    expect(lines).toEqual([`base image ${name}: pulled`]);
    await provide([name]);
    expect(lines.at(-1)).toBe(`base image ${name}: present`);
  });

  test('a stand-in is replaced when the registry can be reached again', async () => {
    await engine.removeImage(name);
    await engine.importRoot(Readable.from([await rootTar('a stand-in')]), name, { [STAND_IN_LABEL]: name });
    const before = await engine.image(name);
    await provide([name]);
    expect(lines).toEqual([`base image ${name}: pulled`]);
    const after = await engine.image(name);
    expect(after?.id).not.toBe(before?.id);
    expect(after?.labels).toEqual({});
    expect(await engine.image(before?.id as string)).toBeNull();
  });

  test('an image that was built on a stand-in is not a stand-in, and is left alone', async () => {
    const built = 'multi-stage-node/test:built-on-stand-in';
    await engine.importRoot(Readable.from([await rootTar('built')]), built, { [STAND_IN_LABEL]: 'node:26' });
    await provide([built]);
    expect(lines).toEqual([`base image ${built}: present`]);
    await docker('rmi', built);
  });

  test('a registry that refuses is an error, not a reason for a stand-in', async () => {
    const missing = name.replace('base:1', 'other:1');
    await expect(provide([missing])).rejects.toThrow('docker pull failed');
    expect(lines).toEqual([`base image ${missing}: cannot be pulled`]);
  });

  test('a current stand-in stays where the registry cannot be reached', async () => {
    const unreachable = '127.0.0.1:9/base:2';
    await importStandIn(unreachable);
    const before = await engine.image(unreachable);
    await provide([unreachable]);
    expect(lines).toEqual([`base image ${unreachable}: present, a stand-in: its registry cannot be reached`]);
    expect(await engine.image(unreachable)).toEqual(before);
    await engine.removeImage(unreachable);
  });

  test('a registry that cannot be reached, and no stand-in, is an error that names the image', async () => {
    const unreachable = '127.0.0.1:9/base:1';
    await expect(provide([unreachable])).rejects.toMatchObject({
      code: 'registry-unreachable',
      message: `${unreachable} was not pulled: its registry cannot be reached.`,
      lines: [expect.stringContaining('connection refused')],
      hint: 'Check the network and proxy settings and try again. There is no stand-in for this image.',
    });
  });

  test('a registry that responds to a later attempt has been reached', async () => {
    await engine.removeImage(name);
    closeNext = 1;
    expect(await provide([name])).toEqual(new Set([registryOf(name)]));
    expect(closeNext).toBe(0);
    expect(lines).toEqual([`base image ${name}: pulled`]);
  });

  test('a registry that closes connections is an error with a choice, not a reason for a stand-in', async () => {
    closeNext = Number.POSITIVE_INFINITY;
    // A name that has a stand-in, pulled from this registry.
    const flaky = { ...engine, pull: (_: string, onLine?: (line: string) => void) => engine.pull(name, onLine) };
    const providing = provideBaseImages(flaky, ['node:99'], progress, { ...choice, confirm: async () => true });
    await expect(providing).rejects.toMatchObject({
      code: 'registry-unreliable',
      message: 'node:99 was not pulled: its registry does not respond reliably.',
      lines: [expect.stringContaining('EOF')],
      hint: expect.stringContaining('npm run setup -- --stand-ins'),
    });
    expect(await engine.image('node:99')).toBeNull();
  });

  test('a current stand-in stays where the registry is not reliable, after one attempt', async () => {
    const standIn = name.replace('base:1', 'base:flaky');
    await importStandIn(standIn);
    closeNext = Number.POSITIVE_INFINITY;
    const begin = Date.now();
    expect(await provide([standIn])).toEqual(new Set());
    expect(Date.now() - begin).toBeLessThan(PAUSE_MS);
    expect(lines).toEqual([`base image ${standIn}: present, a stand-in: its registry does not respond reliably`]);
    await engine.removeImage(standIn);
  });

  test('stand-ins are not built without consent', async () => {
    const asked: string[][] = [];
    const confirm = async (names: string[]) => asked.push(names) === 0;
    const offline = { ...engine, pull: () => engine.pull('127.0.0.1:9/base:1') };
    await expect(provideBaseImages(offline, ['node:99'], progress, { ...choice, confirm })).rejects.toMatchObject({
      code: 'registry-unreachable',
      hint: expect.stringContaining('npm run setup -- --stand-ins'),
    });
    expect(asked).toEqual([['node:99']]);
    expect(await engine.image('node:99')).toBeNull();
  });

  test('where stand-ins are requested, no registry is asked', async () => {
    const standIn = name.replace('base:1', 'base:requested');
    await importStandIn(standIn);
    const before = requests;
    expect(await provide([standIn], { ...choice, requested: true })).toEqual(new Set());
    expect(lines).toEqual([`base image ${standIn}: present, a stand-in: as requested`]);
    const missing = name.replace('base:1', 'base:none');
    await expect(provide([missing], { ...choice, requested: true })).rejects.toThrow(
      `There is no stand-in for ${missing}.`,
    );
    expect(requests).toBe(before);
    await engine.removeImage(standIn);
  });

  test('stand-ins are listed and removed, except those in use; what is built on them stays', async () => {
    const standIn = 'multi-stage-node/test:stand-in';
    const used = 'multi-stage-node/test:stand-in-used';
    const built = 'multi-stage-node/test:built-on-stand-in';
    for (const name of [standIn, used]) await importStandIn(name);
    await engine.importRoot(Readable.from([await rootTar('built')]), built, { [STAND_IN_LABEL]: standIn });
    const container = await docker('create', used, 'x');

    const all = await listStandIns(engine);
    expect(all).toEqual(expect.arrayContaining([standIn, used]));
    expect(all).not.toContain(built);
    expect(await removeStandIns(engine, [standIn, used], progress)).toEqual([used]);
    expect(lines[0]).toBe(`stand-in ${standIn}: removed`);
    expect(lines[1]).toContain(`stand-in ${used}: not removed: `);
    expect(await engine.image(standIn)).toBeNull();
    expect(await engine.image(built)).not.toBeNull();

    await docker('rm', container);
    await docker('rmi', used, built);
  });

  test('an interruption ends a pull that gets no response, and the pauses between attempts', async () => {
    for (const silent of [true, false]) {
      isSilent = silent;
      closeNext = silent ? 0 : Number.POSITIVE_INFINITY;
      const controller = new AbortController();
      const reason = new Error('stop');
      const interrupted = await findEngine(controller.signal);
      const { signal } = controller;
      const before = requests;
      const missing = name.replace('base:1', 'base:silent');
      const providing = provideBaseImages(interrupted, [missing], progress, { ...choice, signal });
      providing.catch(() => {});
      await expect.poll(() => requests, { timeout: 10_000 }).toBeGreaterThan(before);
      await new Promise((resolve) => setTimeout(resolve, silent ? 0 : PAUSE_MS / 2));
      const begin = Date.now();
      controller.abort(reason);
      await expect(providing).rejects.toThrow(silent ? 'stop' : /stop|aborted/);
      expect(Date.now() - begin).toBeLessThan(1000);
    }
  });
});
