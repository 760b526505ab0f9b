import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { sha256 } from '../lib/digest.ts';
import { describeError } from '../lib/errors.ts';
import { mayAsk } from '../registry/address.ts';
import { retryTransient } from '../registry/limits.ts';
import { describeResponse, RegistryError } from '../registry/registry-error.ts';
import { makeCertificate } from './make-certificate.ts';
import { drain, FAST, MANIFEST, makeSettings, open, sendJson, sendManifest, serve } from './registry-server.ts';

const CONTENT = 'the content of a layer';
const BLOB = { digest: sha256(CONTENT), size: CONTENT.length };
const REFERENCE = { host: 'x', repository: 'x', name: 'x' };
const MEBIBYTE = Buffer.alloc(1 << 20, 'x');

/** Sends without end, as fast as the client reads. Returns how many bytes that were. */
async function sendEndlessly(response: ServerResponse, sent: { bytes: number }): Promise<void> {
  const gone = once(response, 'close');
  while (!response.destroyed) {
    sent.bytes += MEBIBYTE.length;
    if (!response.write(MEBIBYTE)) await Promise.race([once(response, 'drain'), gone]);
  }
}

test('another manifest than the one asked for', async () => {
  const server = await serve((_, response) => sendManifest(response));
  const digest = sha256('another');
  await expect(open(server.host).manifest(digest)).rejects.toMatchObject({
    code: 'registry-unreliable',
    message: `Cannot read docker://${server.host}/team/app:1: the registry sent something else: ${digest} has the digest ${sha256(MANIFEST)}.`,
  });
  expect(server.received).toHaveLength(1);
});

test('another manifest than the one that the registry names for the tag', async () => {
  const server = await serve((_, response) => sendManifest(response, { 'docker-content-digest': sha256('another') }));
  await expect(open(server.host).manifest()).rejects.toThrow(/sent something else: \S+ has the digest/);
});

test('digests other than sha256', async () => {
  const digest = `sha512:${'0'.repeat(128)}`;
  const server = await serve((_, response) => sendManifest(response, { 'docker-content-digest': digest }));
  const registry = open(server.host);
  await expect(registry.manifest()).rejects.toThrow(/only digests of sha256/);
  await expect(registry.manifest('sha256:../../x')).rejects.toThrow(/only digests of sha256/);
  await expect(drain(registry.blob({ digest, size: 1 }))).rejects.toThrow(/only digests of sha256/);
  expect(server.received).toHaveLength(1);
});

test.each([
  ['wrong content', 'THE content of a layer', CONTENT.length, /sha256:\w{64} has the digest sha256:\w{64}/],
  ['too short', 'the', CONTENT.length, /has less than its 22 bytes/],
  ['too long', `${CONTENT}, and more`, CONTENT.length, /has more than its 22 bytes/],
  ['a smaller size', CONTENT, 3, /has more than its 3 bytes/],
  ['a larger size', CONTENT, 100, /has less than its 100 bytes/],
])('a blob: %s', async (_, content, size, message) => {
  const server = await serve((_, response) => {
    response.write(content); // Without Content-Length.
    response.end();
  });
  await expect(drain(open(server.host).blob({ ...BLOB, size }))).rejects.toThrow(message);
  expect(server.received).toHaveLength(1);
});

test('a blob never gives more than its size', async () => {
  const server = await serve((_, response) => void response.write(CONTENT.repeat(2)));
  const chunks: Buffer[] = [];
  const read = async () => {
    for await (const chunk of open(server.host).blob(BLOB)) chunks.push(chunk);
  };
  await expect(read()).rejects.toThrow(/has more than its 22 bytes/);
  expect(Buffer.concat(chunks).length).toBeLessThanOrEqual(BLOB.size);
});

test('a connection that is closed within a blob', async () => {
  const server = await serve((_, response) => {
    response.writeHead(200, { 'content-length': String(CONTENT.length) });
    response.write(CONTENT.slice(0, 5), () => response.destroy());
  });
  const read: string[] = [];
  const reading = (async () => {
    for await (const chunk of open(server.host).blob(BLOB)) read.push(String(chunk));
  })();
  await expect(reading).rejects.toMatchObject({ code: 'registry-unreliable', lines: ['The connection was closed.'] });
  expect(read).toEqual([CONTENT.slice(0, 5)]);
  // What was passed on cannot be taken back.
  expect(server.received).toHaveLength(1);
});

test('a connection that is closed before the first byte of a blob: again', async () => {
  let count = 0;
  const server = await serve((_, response) => {
    count += 1;
    if (count === 3) return response.end(CONTENT);
    if (count === 2) response.writeHead(200).flushHeaders();
    return response.destroy();
  });
  expect(String(await drain(open(server.host).blob(BLOB)))).toBe(CONTENT);
  expect(count).toBe(3);
});

test('a body without end is not collected', async () => {
  const sent = { bytes: 0 };
  const server = await serve((_, response) => sendEndlessly(response, sent));
  await expect(open(server.host).manifest()).rejects.toThrow(/sent more than 4\.19 MB/);
  await expect(drain(open(server.host).blob(BLOB))).rejects.toThrow(/more than its 22 bytes/);
  // What the sockets hold comes in addition.
  expect(sent.bytes).toBeLessThan(30 << 20);
  expect(server.received).toHaveLength(2);
});

test('a large blob is read as fast as it is used, and not at all by nobody', async () => {
  const sent = { bytes: 0 };
  let closed: Promise<unknown> | undefined;
  const server = await serve((_, response) => {
    closed = once(response, 'close');
    return sendEndlessly(response, sent);
  });
  let count = 0;
  for await (const chunk of open(server.host).blob({ ...BLOB, size: 1 << 30 })) {
    count += chunk.length;
    // Time in which it could send more.
    if (count === chunk.length) await sleep(100);
    if (count > 1 << 20) break;
  }
  await closed;
  expect(sent.bytes).toBeLessThan(30 << 20);
});

test('a redirect: another server gets no password, and decides nothing', async () => {
  const other = await serve((_, response) => response.end(CONTENT));
  const thief = await serve((_, response) => {
    sendJson(response, 401, {}, { 'www-authenticate': `Bearer realm="${thief.origin}/token"` });
  });
  const server = await serve(({ url, authorization }, response) => {
    if (!authorization) return sendJson(response, 401, {}, { 'www-authenticate': 'Basic' });
    if (url.includes('/blobs/')) response.writeHead(307, { location: `${other.origin}/data?key=secret` });
    else if (url.endsWith('/1')) response.writeHead(302, { location: 'moved' });
    else if (url.endsWith('/moved')) return sendManifest(response);
    else response.writeHead(302, { location: thief.origin });
    return response.end();
  });
  await makeSettings({ auths: { [server.host]: { auth: btoa('user:walrus-7') } } });
  const registry = open(server.host);
  await registry.manifest();
  expect(server.received.map(({ url, authorization }) => [url.split('/').at(-1), authorization])).toEqual([
    ['1', undefined],
    ['1', `Basic ${btoa('user:walrus-7')}`],
    // The registry's own origin.
    ['moved', `Basic ${btoa('user:walrus-7')}`],
  ]);
  expect(String(await drain(registry.blob(BLOB)))).toBe(CONTENT);
  expect(other.received).toMatchObject([{ url: '/data?key=secret', authorization: undefined }]);
  expect(JSON.stringify(other.received)).not.toMatch(/walrus|d2FscnVz/);

  await expect(registry.manifest(BLOB.digest)).rejects.toThrow(/status 401/);
  expect(thief.received).toMatchObject([{ url: '/', authorization: undefined }]);
});

test('an address in an error has no query', async () => {
  const other = await serve((_, response) => sendJson(response, 403, {}));
  const server = await serve((_, response) => {
    response.writeHead(307, { location: `${other.origin}/data?key=secret` }).end();
  });
  const error = await drain(open(server.host).blob(BLOB)).catch((reason) => reason);
  expect(describeError(error)).toContain(`GET ${other.origin}/data was answered with status 403`);
  expect(describeError(error)).not.toContain('secret');
});

test('http is allowed among addresses of this machine only', () => {
  const urls = [
    'http://localhost/',
    'http://127.1:5000/',
    'http://[::1]/',
    'http://127.evil.example/',
    'http://10.0.0.1/',
  ];
  const allowedBy = (registry: string) => urls.filter((url) => mayAsk(new URL(url), new URL(registry)));
  expect(allowedBy('https://localhost:5000')).toEqual(urls.slice(0, 3));
  expect(allowedBy('https://registry.example')).toEqual([]);
  expect(mayAsk(new URL('https://10.0.0.1/'), new URL('https://registry.example'))).toBe(true);
});

test('redirects to http, in a circle, and to nowhere', async () => {
  const certificate = makeCertificate();
  const plain = await serve((_, response) => sendManifest(response));
  const locations = ['http://registry.invalid/x', 'ftp://127.0.0.1/x', 'file:///etc/passwd', 'http://', plain.origin];
  const server = await serve(({ url }, response) => {
    const location = locations[Number(url.split('/').at(-1))];
    response.writeHead(302, { location: location ?? url }).end();
  }, certificate);
  await makeSettings(undefined, { [server.host]: certificate.cert });
  const read = (tag: string) => open(server.host, {}, undefined, tag).manifest();
  await expect(read('0')).rejects.toThrow('redirected to http://registry.invalid/x, which is not https.');
  await expect(read('1')).rejects.toThrow(/which is not https/);
  await expect(read('2')).rejects.toThrow(/which is not https/);
  await expect(read('3')).rejects.toThrow(/redirected to what is not an address/);
  // Within this machine, http is as good.
  await expect(read('4')).resolves.toBeTruthy();
  const before = server.received.length;
  await expect(read('circle')).rejects.toThrow(/redirected more than 5 times/);
  // One request finds out whether the registry has https.
  expect(server.received.length - before).toBe(1 + 6);
});

test('a token server without https gets nothing', async () => {
  const realms = ['http://registry.invalid/token', 'file:///etc/passwd', ''];
  const server = await serve(({ url }, response) => {
    const realm = realms[Number(url.split('/').at(-1))];
    sendJson(response, 401, {}, { 'www-authenticate': `Bearer realm="${realm}",service="x"` });
  });
  await makeSettings({ auths: { [server.host]: { auth: btoa('user:walrus-7') } } });
  const read = (tag: string) => open(server.host, {}, undefined, tag).manifest();
  await expect(read('0')).rejects.toThrow('token server without https: http://registry.invalid/token.');
  await expect(read('1')).rejects.toThrow(/token server without https/);
  await expect(read('2')).rejects.toThrow(/names no token server/);
});

test('a token server that redirects an identity token does not get it followed', async () => {
  const thief = await serve((_, response) => sendJson(response, 200, { token: 'x' }));
  const server = await serve(({ url }, response) => {
    if (url === '/token') response.writeHead(307, { location: thief.origin }).end();
    else sendJson(response, 401, {}, { 'www-authenticate': `Bearer realm="${server.origin}/token"` });
  });
  await makeSettings({ auths: { [server.host]: { identitytoken: 'heron-123456' } } });
  await expect(open(server.host).manifest()).rejects.toThrow(/status 307/);
  expect(thief.received).toEqual([]);
});

test('errors that pass: again, with the same request', async () => {
  const statuses = [500, 502, 429];
  const server = await serve((_, response) => {
    const status = statuses.shift();
    if (status) response.writeHead(status).end();
    else sendManifest(response);
  });
  await open(server.host).manifest();
  expect(server.received).toHaveLength(4);
});

test('errors that do not pass', async () => {
  const server = await serve((_, response) => sendJson(response, 503, { errors: [{ code: 'UNAVAILABLE' }] }));
  await expect(open(server.host).manifest()).rejects.toMatchObject({
    code: 'registry-unreliable',
    message: expect.stringContaining('status 503 (Service Unavailable)'),
    lines: ['UNAVAILABLE'],
    hint: 'The registry has a problem. Try again later.',
  });
  expect(server.received).toHaveLength(4);
});

test('a limit of requests', async () => {
  let retryAfter: Record<string, string> = {};
  const server = await serve((_, response) => sendJson(response, 429, {}, retryAfter));
  const expected = { code: 'registry-unreliable', hint: expect.stringContaining('limits the number of requests') };
  await expect(open(server.host).manifest()).rejects.toMatchObject(expected);
  expect(server.received).toHaveLength(4);
  // To wait for an hour is the user's decision.
  retryAfter = { 'retry-after': '3600' };
  await expect(open(server.host).manifest()).rejects.toMatchObject(expected);
  expect(server.received).toHaveLength(5);
});

test('the pause that a registry asks for', async () => {
  const read = (value: string) =>
    describeResponse({ status: 429, headers: { 'retry-after': value } }, Buffer.alloc(0), '', REFERENCE).retryAfterMs;
  expect(read('7')).toBe(7000);
  expect(read(new Date(Date.now() + 10_000).toUTCString())).toBeGreaterThan(8000);
  for (const value of ['-1', 'soon', '', new Date(0).toUTCString()]) expect(read(value)).toBe(0);

  const begin = performance.now();
  let count = 0;
  const attempt = async () => {
    count += 1;
    if (count < 3) throw new RegistryError(REFERENCE, '', { isTransient: true, retryAfterMs: 60 });
  };
  await retryTransient(attempt, FAST, new AbortController().signal);
  expect(performance.now() - begin).toBeGreaterThan(115);
  // All pauses together have a limit.
  count = 0;
  await expect(retryTransient(attempt, { ...FAST, totalPauseMs: 100 }, new AbortController().signal)).rejects.toThrow();
  expect(count).toBe(2);
});

test('an image that is not there', async () => {
  const server = await serve((_, response) => {
    sendJson(response, 404, { errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] });
  });
  await expect(open(server.host).manifest()).rejects.toMatchObject({
    code: 'image-not-found',
    exitCode: 1,
    lines: ['MANIFEST_UNKNOWN: manifest unknown'],
    hint: expect.stringContaining(`Check the name and the tag: ${server.host}/team/app:1.`),
  });
  expect(server.received).toHaveLength(1);
});

test('the text of an error is short and cannot command a terminal', async () => {
  const bodies: [string, string][] = [
    ['application/json', JSON.stringify({ errors: Array(20).fill({ code: 'X', message: '\u001b[2J'.repeat(100) }) })],
    ['text/plain', 'no\u001b[2J\n'.repeat(1000)],
    ['text/html', '<html>'],
    ['application/json', '{"errors":[{"code":7},null,"x"],"error":{}}'],
  ];
  const server = await serve(({ url }, response) => {
    const [type, body] = bodies[Number(url.split('/').at(-1))] ?? ['', ''];
    response.writeHead(400, { 'content-type': type }).end(body);
  });
  const read = (tag: string) =>
    open(server.host, {}, undefined, tag)
      .manifest()
      .catch((reason) => reason);
  const [many, plain, page, odd] = [await read('0'), await read('1'), await read('2'), await read('3')];
  expect(many.lines).toHaveLength(5);
  for (const line of [...many.lines, ...plain.lines]) {
    expect(line.length).toBeLessThanOrEqual(300);
    expect(line).not.toMatch(/\p{Cc}/u);
  }
  expect(plain.lines).toHaveLength(1);
  expect([page.lines, odd.lines]).toEqual([[], []]);
});

test('an error without end', async () => {
  const sent = { bytes: 0 };
  const server = await serve((_, response) => {
    response.writeHead(400, { 'content-type': 'application/json' });
    return sendEndlessly(response, sent);
  });
  await expect(open(server.host).manifest()).rejects.toThrow(/status 400/);
  expect(sent.bytes).toBeLessThan(20 << 20);
});

test('an error that arrives byte by byte', async () => {
  const server = await serve((_, response) => {
    response.writeHead(503);
    const timer = setInterval(() => response.write(' '), 5);
    response.on('close', () => clearInterval(timer));
  });
  const registry = open(server.host, { pausesMs: [] });
  const reading = [registry.manifest(), drain(registry.blob(BLOB))];
  for (const result of await Promise.allSettled(reading)) {
    expect(result).toMatchObject({ reason: { message: expect.stringContaining('status 503') } });
  }
});

test('a login that fails ends the connection', async () => {
  let closed: Promise<unknown> | undefined;
  const server = await serve((_, response) => {
    closed = once(response, 'close');
    response.writeHead(401, { 'www-authenticate': 'Bearer realm="http://registry.invalid/"' });
    return sendEndlessly(response, { bytes: 0 });
  });
  await expect(open(server.host).manifest()).rejects.toThrow(/token server without https/);
  await closed;
});

test('headers that never come, and headers without end', async () => {
  const silent = await serve(() => {});
  await expect(open(silent.host, { headersMs: 50, pausesMs: [] }).manifest()).rejects.toMatchObject({
    code: 'registry-unreliable',
    lines: ['There was no response in time.'],
  });
  const noisy = createServer((socket) => {
    socket.on('error', () => {});
    socket.write('HTTP/1.1 200 OK\r\n');
    const timer = setInterval(() => socket.write(`x: ${'x'.repeat(8000)}\r\n`), 1);
    socket.on('close', () => clearInterval(timer));
  }).listen(0, '127.0.0.1');
  await once(noisy, 'listening');
  onTestFinished(() => void noisy.close());
  const host = `127.0.0.1:${(noisy.address() as AddressInfo).port}`;
  await expect(open(host).manifest()).rejects.toMatchObject({ lines: [expect.stringMatching(/header/i)] });
});

test('a body that stops arriving', async () => {
  const server = await serve((_, response) => void response.write('{'));
  const registry = open(server.host, { idleMs: 50, pausesMs: [] });
  for (const result of await Promise.allSettled([registry.manifest(), drain(registry.blob(BLOB))])) {
    expect(result).toMatchObject({ reason: { lines: ['The response stopped arriving.'] } });
  }
});

test('a manifest that arrives byte by byte', async () => {
  const server = await serve((_, response) => {
    const timer = setInterval(() => response.write(' '), 5);
    response.on('close', () => clearInterval(timer));
  });
  await expect(open(server.host, { documentMs: 100 }).manifest()).rejects.toMatchObject({
    code: 'registry-unreliable',
    lines: ['The response was not complete in time.'],
  });
  expect(server.received).toHaveLength(1);
});

test.each(['before the headers', 'within the body', 'within a pause'])('an interruption %s', async (when) => {
  const controller = new AbortController();
  const reason = new Error('interrupted');
  const server = await serve((_, response) => {
    if (when === 'within the body') response.write('{');
    if (when === 'within a pause') response.writeHead(503).end();
    setTimeout(() => controller.abort(reason), 20);
  });
  const registry = open(server.host, { pausesMs: [60_000] }, controller.signal);
  const reading = [registry.manifest(), drain(registry.blob(BLOB))];
  for (const result of await Promise.allSettled(reading)) expect(result).toEqual({ status: 'rejected', reason });
  await expect(registry.manifest()).rejects.toBe(reason);
});

test('an interruption between two parts of a blob', async () => {
  const controller = new AbortController();
  const reason = new Error('interrupted');
  const server = await serve((_, response) => void response.write(CONTENT.slice(0, 5)));
  const read = async () => {
    for await (const _ of open(server.host, {}, controller.signal).blob(BLOB)) controller.abort(reason);
  };
  await expect(read()).rejects.toBe(reason);
});

test('an interruption before a connection is there', { timeout: 3000 }, async () => {
  const controller = new AbortController();
  const reason = new Error('interrupted');
  // It accepts connections and never begins with TLS.
  const server = createServer((socket) => void socket.on('error', () => {})).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const reading = open(`127.0.0.1:${port}`, { connectMs: 60_000 }, controller.signal).manifest();
  setTimeout(() => controller.abort(reason), 20);
  await expect(reading).rejects.toBe(reason);
});
