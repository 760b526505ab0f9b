import { describe, expect, test } from 'vitest';
import { baseImagesOf, findChapters } from '../../compare/discover/chapters.ts';
import { docker, engine, ROOT } from './test-engine.ts';

// What the chapters rely on in their base images. The real images have it, and the stand-ins.

const inside = (image: string, script: string) => docker('run', '--rm', '--network=none', image, 'sh', '-c', script);
const config = async (image: string) => JSON.parse(await docker('inspect', '--format', '{{json .Config}}', image));

describe('base images', () => {
  test('setup has provided all that the chapters name', async () => {
    for (const base of await baseImagesOf(await findChapters(ROOT)))
      expect(await engine.image(base), base).not.toBeNull();
  });

  test.each(['node:26', 'node:26-slim', 'node:26-alpine'])('%s is an official-like Node image', async (image) => {
    expect(await inside(image, 'node --version')).toMatch(/^v26\./);
    expect(await inside(image, 'npm --version && npx --version')).toMatch(/^11\.\S+\n11\./);
    expect(await inside(image, 'id -u; id -u node; id -g node; ls -d /home/node')).toBe('0\n1000\n1000\n/home/node');
    expect(await inside(image, 'echo $NODE_VERSION-$NODE_ENV')).toMatch(/^26\.\d+\.\d+-$/);
    expect(await inside(image, 'ls -d /usr/local/include/node/node.h /tmp')).toContain('/tmp');
    expect(await config(image)).toMatchObject({ Entrypoint: ['docker-entrypoint.sh'], Cmd: ['node'], User: '' });
  });

  test.each(['node:26', 'node:26-slim', 'node:26-alpine'])('the entrypoint of %s runs node', async (image) => {
    const entry = (...args: string[]) => docker('run', '--rm', image, ...args);
    expect(await entry('--version')).toMatch(/^v26\./);
    expect(await entry('-p', 'process.pid')).toBe('1');
    expect(await entry('node', '-p', 'process.pid')).toBe('1');
    expect(await entry('echo', 'as it is')).toBe('as it is');
    expect(await entry('/usr/local/lib/node_modules/npm/lib/cli.js')).toBe('');
  });

  test('node:26 can compile, the smaller ones cannot', async () => {
    expect(await inside('node:26', 'g++ --version && python3 --version && git --version')).toContain('g++');
    for (const image of ['node:26-slim', 'node:26-alpine']) {
      expect(await inside(image, 'command -v g++ python3 git || echo none')).toBe('none');
    }
  });

  test('distroless has Node, certificates and time zones, no shell and no npm', async () => {
    const image = 'gcr.io/distroless/nodejs26-debian13:nonroot';
    const node = (script: string) => docker('run', '--rm', image, '-p', script);
    expect(await node('process.version')).toMatch(/^v26\./);
    expect(
      await node('[process.execPath, process.getuid(), process.getgid(), process.pid, process.cwd()].join()'),
    ).toBe('/nodejs/bin/node,65532,65532,1,/home/nonroot');
    expect(
      await node(
        `require('tls').createSecureContext() && require('fs').statSync(process.env.SSL_CERT_FILE).size > 1e5`,
      ),
    ).toBe('true');
    expect(await node(`require('fs').existsSync('/usr/share/zoneinfo/Europe/Berlin')`)).toBe('true');
    expect(await config(image)).toMatchObject({ Entrypoint: ['/nodejs/bin/node'], User: '65532' });
    for (const program of ['sh', '/bin/sh', 'npm', 'apt-get']) {
      await expect(docker('run', '--rm', '--entrypoint', program, image)).rejects.toThrow('docker run failed');
    }
  });
});
