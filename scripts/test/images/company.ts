import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnText } from '../../lib/spawn.ts';
import { docker } from './test-engine.ts';

// A company's network, made for a test: a registry that requires a token, with a certificate of the company's own CA, and
// a proxy that requires a password. All of it runs here, at an address that containers reach.

/** The registry's name, which only the proxy knows. */
export const REGISTRY = 'registry.company.example';

/** A server of the company. */
export interface CompanyServer {
  /** Host and port, as a container reaches it. */
  address: string;
  /** Where it listens. */
  listens: AddressInfo;
  /** What was requested, in order, refused requests included. */
  asked: string[];
  close(): void;
}

/**
 * A CA and a certificate that it has signed for the servers of this test: `ca.pem`, `server.pem` and `server.key` in
 * `directory`. The keys are worth nothing: nobody else trusts this CA.
 */
export async function makeCa(directory: string, name: string): Promise<void> {
  const openssl = (...args: string[]) => spawnText('openssl', args, { cwd: directory });
  const newKey = ['-newkey', 'rsa:2048', '-nodes'];
  await openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', `/CN=${name}`);
  await openssl('req', ...newKey, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=registry');
  const names = `subjectAltName=DNS:${REGISTRY},IP:${await gateway()},DNS:${DESKTOP_HOST}\n`;
  await writeFile(join(directory, 'server.ext'), names);
  const sign = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'server.ext', '-days', '2'];
  await openssl('x509', '-req', '-in', 'server.csr', ...sign, '-out', 'server.pem');
}

/** The company's registry: it requires `token`, and passes requests on to the registry that npm uses on this machine. */
export async function startRegistry(certificates: string, token: string): Promise<CompanyServer> {
  const upstream = new URL(await spawnText('npm', ['config', 'get', 'registry'], { cwd: tmpdir() })).href.replace(
    /\/$/,
    '',
  );
  const tls = {
    key: await readFile(join(certificates, 'server.key')),
    cert: await readFile(join(certificates, 'server.pem')),
  };
  const respond: RequestListener = async (request, response) => {
    registry.asked.push(`${request.method} ${request.url}`);
    const refuse = (status: number) => response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    if (request.url === '/-/ping') return response.end('{}');
    if (request.headers.authorization !== `Bearer ${token}`) return refuse(401);
    // npm also requests an audit; an installation works without one.
    if (request.method !== 'GET') return refuse(404);
    try {
      const original = await fetch(upstream + request.url, { headers: { accept: request.headers.accept ?? '*/*' } });
      const type = original.headers.get('content-type') ?? 'application/octet-stream';
      let body = Buffer.from(await original.arrayBuffer());
      // A package's data says where its archive is: here.
      if (type.includes('json'))
        body = Buffer.from(body.toString().replaceAll(upstream, `https://${request.headers.host}`));
      response.writeHead(original.status, { 'content-type': type }).end(body);
    } catch (error) {
      response.writeHead(502).end(String(error));
    }
  };
  const registry = await start(createTlsServer(tls, respond));
  return registry;
}

/** The company's proxy: a tunnel to its registry, for clients that know the password. */
export async function startProxy(registry: CompanyServer, user: string, password: string): Promise<CompanyServer> {
  const server = createServer((_request, response) => response.writeHead(405).end());
  const expected = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  server.on('connect', (request, client) => {
    client.on('error', () => {}); // A client that disconnects early.
    proxy.asked.push(`CONNECT ${request.url}`);
    if (request.headers['proxy-authorization'] !== expected) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nConnection: close\r\n\r\n');
      return;
    }
    const target = connect(registry.listens.port, registry.listens.address, () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      target.pipe(client).pipe(target);
    });
    target.on('error', () => client.destroy());
  });
  const proxy = await start(server);
  return proxy;
}

/** The gateway of the containers' network. Where the engine runs on this machine, they reach the machine there. */
async function gateway(): Promise<string> {
  const routes = await docker('run', '--rm', 'node:26-alpine', 'cat', '/proc/net/route');
  // Columns: interface, destination, gateway; an address is a number in hexadecimal, its last byte first.
  const hex = /^\S+\s+00000000\s+([0-9A-F]{8})/m.exec(routes)?.[1] ?? '';
  return [...Buffer.from(hex, 'hex')].reverse().join('.');
}

/** Docker Desktop's engine runs in a virtual machine; there, this name leads to the loopback address out here. */
const DESKTOP_HOST = 'host.docker.internal';

async function start(server: Server): Promise<CompanyServer> {
  // A client may use a connection again just when the server closes it: longer than any build waits.
  server.keepAliveTimeout = 300_000;
  const listen = async (host: string) => {
    server.listen(0, host);
    await once(server, 'listening');
  };
  let host = await gateway();
  await listen(host).catch(async () => {
    host = DESKTOP_HOST;
    await listen('127.0.0.1');
  });
  const listens = server.address() as AddressInfo;
  return {
    address: `${host}:${listens.port}`,
    listens,
    asked: [],
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
