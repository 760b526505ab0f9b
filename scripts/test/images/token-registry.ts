import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { type Bench, docker } from './test-engine.ts';

/** A registry with one package, which requires a token. It runs in a container: builds reach it by its address. */
const SERVER = `
const { NAME, TOKEN, TARBALL } = process.env;
require('http').createServer((request, response) => {
  if (request.headers.authorization !== 'Bearer ' + TOKEN) return response.writeHead(401).end('{}');
  if (request.url.endsWith('.tgz')) return response.end(Buffer.from(TARBALL, 'base64'));
  const dist = { tarball: 'http://' + request.headers.host + '/package.tgz' };
  const versions = { '1.0.0': { name: NAME, version: '1.0.0', dist } };
  response.end(JSON.stringify({ name: NAME, 'dist-tags': { latest: '1.0.0' }, versions }));
}).listen(80, () => console.log('listening'));
process.once('SIGTERM', () => process.exit());`;

/** Starts the registry. Returns its address; `bench` removes the container. */
export async function startRegistry(bench: Bench, name: string, code: string, token: string): Promise<string> {
  const tar = pack();
  tar.entry({ name: 'package/package.json' }, JSON.stringify({ name, version: '1.0.0', type: 'module' }));
  tar.entry({ name: 'package/index.js' }, code);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  const tarball = gzipSync(Buffer.concat(chunks)).toString('base64');
  const env = Object.entries({ NAME: name, TOKEN: token, TARBALL: tarball }).flatMap(([key, value]) => [
    '--env',
    `${key}=${value}`,
  ]);
  const id = await docker('run', '--detach', ...bench.labelArgs, ...env, 'node:26-alpine', 'node', '-e', SERVER);
  while (!(await docker('logs', id)).includes('listening')) await new Promise((resolve) => setTimeout(resolve, 50));
  return docker('inspect', '--format', '{{.NetworkSettings.Networks.bridge.IPAddress}}', id);
}
