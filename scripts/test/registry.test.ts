import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { sha256 } from '../lib/digest.ts';
import { describeError } from '../lib/errors.ts';
import { hide } from '../lib/hide.ts';
import { spawnText } from '../lib/spawn.ts';
import { makeCertificate } from './make-certificate.ts';
import { drain, MANIFEST, makeSettings, open, sendJson, sendManifest, serve } from './registry-server.ts';

const PATH = '/v2/team/app/manifests/1';
const CONTENT = 'the content of a layer';
const BLOB = { digest: sha256(CONTENT), size: CONTENT.length };
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

test('a manifest by tag and by digest, and a blob', async () => {
  const server = await serve(({ url }, response) => {
    if (url.startsWith('/v2/team/app/blobs/')) response.end(CONTENT);
    else sendManifest(response, { 'docker-content-digest': sha256(MANIFEST) });
  });
  const registry = open(server.host);
  expect(String(await registry.manifest())).toBe(MANIFEST);
  expect(String(await registry.manifest(sha256(MANIFEST)))).toBe(MANIFEST);
  expect((await drain(registry.blob(BLOB))).toString()).toBe(CONTENT);

  expect(server.received.map(({ url }) => url)).toEqual([
    PATH,
    `/v2/team/app/manifests/${sha256(MANIFEST)}`,
    `/v2/team/app/blobs/${BLOB.digest}`,
  ]);
  expect(server.received[0]).toMatchObject({
    authorization: undefined,
    headers: { accept: expect.stringContaining('vnd.oci.image.index.v1+json'), 'user-agent': 'compare-dockerfiles' },
  });
});

test('an empty blob', async () => {
  const server = await serve((_, response) => response.end());
  expect(await drain(open(server.host).blob({ digest: sha256(''), size: 0 }))).toHaveLength(0);
});

test('nothing is sent before the first call', async () => {
  const server = await serve((_, response) => sendManifest(response));
  open(server.host);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(server.received).toEqual([]);
});

test('a password', async () => {
  await makeSettingsFor('user:walrus-7', (host) => ({ auths: { [host]: { auth: btoa('user:walrus-7') } } }));
  await makeSettingsFor('user:a:b', (host) => ({ auths: { [`https://${host}/v1/`]: { auth: btoa('user:a:b') } } }));
  await makeSettingsFor('user:plain', (host) => ({ auths: { [host]: { username: 'user', password: 'plain' } } }));

  async function makeSettingsFor(expected: string, config: (host: string) => unknown) {
    const server = await serve(({ authorization }, response) => {
      if (authorization === basic(expected)) sendManifest(response);
      else sendJson(response, 401, {}, { 'www-authenticate': 'Basic realm="test"' });
    });
    await makeSettings(config(server.host));
    const registry = open(server.host);
    await registry.manifest();
    await registry.manifest();
    expect(server.received.map(({ authorization }) => authorization !== undefined)).toEqual([false, true, true]);
  }
});

test('a wrong password', async () => {
  const server = await serve((_, response) => {
    sendJson(
      response,
      401,
      { errors: [{ code: 'UNAUTHORIZED', message: 'wrong: pelican-9' }] },
      { 'www-authenticate': 'Basic realm="test"' },
    );
  });
  await makeSettings({ auths: { [server.host]: { auth: btoa('user:pelican-9') } } });
  const registry = open(server.host);
  const error = await registry.manifest().catch((reason) => reason);
  expect(describeError(error)).toBe(
    `Cannot read docker://${server.host}/team/app:1: GET ${server.origin}${PATH} was answered with status 401 (Unauthorized).
  | UNAUTHORIZED: wrong: ***
Log in as a user who may read the image: \`docker login ${server.host}\`.
Check the name as well: many registries respond like this when there is no such image.`,
  );
  expect(server.received).toHaveLength(2);
  // The same password would be refused again.
  await expect(registry.manifest()).rejects.toThrow(/status 401/);
  expect(server.received).toHaveLength(3);
});

/** A registry whose token server is the same server. It accepts only the latest of its tokens. */
async function serveTokens(challenge: (origin: string) => string) {
  const issued: string[] = [];
  const server = await serve(({ url, authorization }, response) => {
    if (url.startsWith('/token')) {
      issued.push(`token-${issued.length}`);
      return sendJson(response, 200, { token: issued.at(-1), access_token: null });
    }
    if (issued.length > 0 && authorization === `Bearer ${issued.at(-1)}`) return sendManifest(response);
    return sendJson(response, 401, {}, { 'www-authenticate': challenge(server.origin) });
  });
  return { ...server, issued, requested: () => server.received.filter(({ url }) => url.startsWith('/token')) };
}

const bearer = (origin: string, rest = '') => `Bearer realm="${origin}/token"${rest}`;

test('a token, anonymous and with a password', async () => {
  const server = await serveTokens((origin) =>
    bearer(origin, ',service="the \\"registry\\"",scope="repository:x:pull"'),
  );
  await makeSettings();
  await open(server.host).manifest();
  expect(server.requested()).toMatchObject([
    { method: 'GET', url: '/token?service=the+%22registry%22&scope=repository%3Ax%3Apull', authorization: undefined },
  ]);
  await makeSettings({ auths: { [server.host]: { auth: btoa('user:walrus-7') } } });
  const registry = open(server.host);
  await registry.manifest();
  await registry.manifest();
  expect(server.requested().map(({ authorization }) => authorization)).toEqual([undefined, basic('user:walrus-7')]);
});

test('a token without a service and a scope, and another challenge beside it', async () => {
  const server = await serveTokens((origin) => `Basic realm=plain, Negotiate, ${bearer(origin)}`);
  await makeSettings();
  await open(server.host).manifest();
  expect(server.requested()[0]?.url).toBe('/token?scope=repository%3Ateam%2Fapp%3Apull');
});

test('an identity token is sent in a form', async () => {
  const server = await serveTokens((origin) => bearer(origin, ',service="s",scope="a:b:c"'));
  await makeSettings({ auths: { [server.host]: { auth: btoa('0000:'), identitytoken: 'refresh me+you' } } });
  await open(server.host).manifest();
  expect(server.requested()).toMatchObject([
    {
      method: 'POST',
      url: '/token',
      authorization: undefined,
      body: 'service=s&scope=a%3Ab%3Ac&grant_type=refresh_token&client_id=compare-dockerfiles&refresh_token=refresh+me%2Byou',
    },
  ]);
});

test('a token that has expired is replaced, once for requests at the same time', async () => {
  const server = await serveTokens(bearer);
  await makeSettings();
  const registry = open(server.host);
  await registry.manifest();
  server.issued.push('another');
  await Promise.all([registry.manifest(), registry.manifest(), registry.manifest()]);
  expect(server.requested()).toHaveLength(2);
});

test('a token that the registry never accepts', async () => {
  const server = await serve(({ url, authorization }, response) => {
    if (url.startsWith('/token')) sendJson(response, 200, { access_token: 'stoat-token' });
    else
      sendJson(
        response,
        401,
        { message: `not ${authorization?.slice(7)}` },
        { 'www-authenticate': bearer(server.origin) },
      );
  });
  await makeSettings();
  const error = await open(server.host)
    .manifest()
    .catch((reason) => reason);
  expect(describeError(error)).toMatch(/status 401.*\n {2}\| not \*\*\*\n/);
  expect(server.received.map(({ url }) => url.slice(0, 6))).toEqual(['/v2/te', '/token', '/v2/te']);
});

test('errors of a token server', async () => {
  const answers: [number, unknown][] = [
    [401, { details: 'incorrect username or password' }],
    [200, {}],
    [200, { token: 'a\nb' }],
  ];
  let answer = 0;
  const server = await serve(({ url }, response) => {
    if (url.startsWith('/token')) sendJson(response, ...(answers[answer++] ?? [500, {}]));
    else sendJson(response, 401, {}, { 'www-authenticate': bearer(server.origin) });
  });
  await makeSettings();
  await expect(open(server.host).manifest()).rejects.toMatchObject({
    message: expect.stringContaining(`${server.origin}/token was answered with status 401`),
    lines: ['incorrect username or password'],
  });
  await expect(open(server.host).manifest()).rejects.toThrow(/gave no token/);
  await expect(open(server.host).manifest()).rejects.toThrow(/gave no token/);
});

test('https, with an authority that only Docker knows, and without', async () => {
  const certificate = makeCertificate();
  const server = await serve((_, response) => sendManifest(response), certificate);
  await makeSettings();
  const error = await open(server.host)
    .manifest()
    .catch((reason) => reason);
  expect(error.code).toBe('registry-unreliable');
  // Newer versions of Node say more.
  expect(describeError(error).replace(/(self-signed certificate).*/, '$1')).toBe(
    `Cannot read docker://${server.host}/team/app:1: GET ${server.origin}${PATH} failed. The certificate is not trusted:
  | self-signed certificate
If the registry has an authority of its own, put the authority's certificate into
/etc/docker/certs.d/${server.host}/ca.crt, as for Docker, or name its file in NODE_EXTRA_CA_CERTS.`,
  );
  expect(server.received).toEqual([]);

  await makeSettings(undefined, { [server.host]: certificate.cert });
  expect(String(await open(server.host).manifest())).toBe(MANIFEST);
  await makeSettings(undefined, { [server.host]: makeCertificate().cert });
  await expect(open(server.host).manifest()).rejects.toThrow(/certificate is not trusted/);
  const directory = await makeSettings(undefined, { [server.host]: '-----BEGIN CERTIFICATE-----\nno\n' });
  await expect(open(server.host).manifest()).rejects.toThrow(`${directory}/certs.d/${server.host}/ca.crt`);
});

test('an authority of NODE_EXTRA_CA_CERTS stays trusted beside those of Docker', { timeout: 30_000 }, async () => {
  const certificate = makeCertificate();
  const server = await serve((_, response) => sendManifest(response), certificate);
  const directory = await makeSettings(undefined, { [server.host]: makeCertificate().cert });
  await writeFile(join(directory, 'extra.crt'), certificate.cert);
  // Node reads the variable when it starts.
  const code = `
    const { openRegistry } = await import('./registry/registry.ts');
    const { parseReference } = await import('./registry/reference.ts');
    const registry = openRegistry(parseReference('docker://${server.host}/team/app:1'), new AbortController().signal);
    console.log(String(await registry.manifest()));`;
  const output = await spawnText(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', code], {
    cwd: join(import.meta.dirname, '..'),
    env: { ...process.env, NODE_EXTRA_CA_CERTS: join(directory, 'extra.crt') },
  });
  expect(output).toBe(MANIFEST);
});

test('plain http is for this machine only', async () => {
  await expect(open('registry.invalid').manifest()).rejects.toMatchObject({
    code: 'registry-unreachable',
    message: expect.stringContaining('GET https://registry.invalid/v2/team/app/manifests/1 failed.'),
  });
});

test('nothing listens', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  await expect(open(`127.0.0.1:${port}`).manifest()).rejects.toMatchObject({
    code: 'registry-unreachable',
    lines: ['The connection was refused.'],
  });
});

test('a proxy: for other machines, and for none of this machine', async () => {
  const tunnels: string[] = [];
  const proxy = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (chunk) => {
      tunnels.push(String(chunk).split('\r\n')[0] ?? '');
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    });
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void proxy.close());
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  const server = await serve((_, response) => sendManifest(response));
  await makeSettings();
  vi.stubEnv('HTTPS_PROXY', `user:otter-77@127.0.0.1:${port}`);
  vi.stubEnv('https_proxy', '');
  vi.stubEnv('NO_PROXY', '');
  await open(server.host).manifest();
  expect(tunnels).toEqual([]);
  const error = await open('registry.invalid')
    .manifest()
    .catch((reason) => reason);
  expect(tunnels[0]).toBe('CONNECT registry.invalid:443 HTTP/1.1');
  expect(describeError(error)).toMatch(/407[\s\S]*HTTPS_PROXY/);
  expect(describeError(error)).not.toContain('otter-77');
  expect(hide('is otter-77')).toBe('is ***');
  for (const address of ['ftp://x', 'http://', 'http://user:100%@x', 'http://100%:password@x']) {
    vi.stubEnv('HTTPS_PROXY', address);
    await expect(open('registry.invalid').manifest()).rejects.toThrow('HTTPS_PROXY is not the address of a proxy.');
  }
});
