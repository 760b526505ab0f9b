import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { LIMITS, type RegistryLimits } from '../registry/limits.ts';
import { parseReference } from '../registry/reference.ts';
import { openRegistry } from '../registry/registry.ts';

/** A request that a server got. */
export interface Received {
  method: string | undefined;
  url: string;
  authorization: string | undefined;
  headers: IncomingMessage['headers'];
  body: string;
}

type Handler = (request: Received, response: ServerResponse) => unknown;

/** Starts a server until the end of the test. It is as hostile as its handler. */
export async function serve(handler: Handler, tls?: { cert: string; key: string }) {
  const received: Received[] = [];
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method, url = '', headers } = request;
    const one = { method, url, headers, authorization: headers.authorization, body };
    received.push(one);
    response.on('error', () => {});
    await handler(one, response);
  };
  const server = tls ? createSecureServer(tls, listener) : createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, origin: `${tls ? 'https' : 'http'}://${host}`, received };
}

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
export const MANIFEST = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, config: {}, layers: [] });

export function sendManifest(response: ServerResponse, headers: Record<string, string> = {}, text = MANIFEST): void {
  response.writeHead(200, { 'content-type': MANIFEST_TYPE, ...headers }).end(text);
}

export function sendJson(response: ServerResponse, status: number, value: unknown, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

/** Limits for tests, which do not wait. */
export const FAST: RegistryLimits = { ...LIMITS, pausesMs: [1, 1, 1] };

/** Opens an image of a server. */
export function open(
  host: string,
  limits: Partial<RegistryLimits> = {},
  signal = new AbortController().signal,
  tag = '1',
) {
  return openRegistry(parseReference(`docker://${host}/team/app:${tag}`), signal, { ...FAST, ...limits });
}

/** All that a stream gives until it ends or fails. */
export async function drain(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Makes Docker's settings until the end of the test. Returns their directory. */
export async function makeSettings(config?: unknown, authorities: Record<string, string> = {}): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'docker-settings-'));
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  if (config !== undefined) await writeFile(join(directory, 'config.json'), text);
  for (const [host, certificate] of Object.entries(authorities)) {
    await mkdir(join(directory, 'certs.d', host), { recursive: true });
    await writeFile(join(directory, 'certs.d', host, 'ca.crt'), certificate);
  }
  vi.stubEnv('DOCKER_CONFIG', directory);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true });
  });
  return directory;
}
