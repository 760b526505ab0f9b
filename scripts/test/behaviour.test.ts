import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { expect, onTestFinished, test, vi } from 'vitest';
import { compareResponses, type Responses } from '../compare/run/compare-responses.ts';
import { explainFailure } from '../compare/run/explain-failure.ts';
import { requestDuringShutdown } from '../compare/run/request-during-shutdown.ts';
import { runContainer } from '../compare/run/run-container.ts';
import { type Address, type RequestFailure, type Response, sendRequest } from '../compare/run/send-request.ts';
import type { Engine } from '../engine/engine.ts';

const responses = (headers: Record<string, string>, body = 'x', status = 200): Responses =>
  new Map([['GET /', { status, headers, body, digest: body }]]);

test('responses differ in status, headers that matter, and body', () => {
  const reference = responses({ 'content-type': 'text/plain', date: 'now', connection: 'close' });
  expect(compareResponses(responses({ 'content-type': 'text/plain', date: 'later' }), reference)).toBeNull();
  expect(compareResponses(responses({ 'content-type': 'text/plain' }, 'x', 500), reference)).toBe(
    'GET /: status 500, not 200',
  );
  expect(compareResponses(responses({ 'content-type': 'text/html' }), reference)).toBe(
    'GET /: header content-type is text/html, not text/plain',
  );
  expect(compareResponses(responses({ 'content-type': 'text/plain', 'x-powered-by': 'y' }), reference)).toBe(
    'GET /: header x-powered-by is y, not none',
  );
  expect(compareResponses(responses({ 'content-type': 'text/plain' }, 'y'), reference)).toBe('GET /: another body');
  expect(compareResponses(responses({}, 'silent', 0), reference)).toBe('GET /: status none, not 200');
  expect(compareResponses(new Map(), reference)).toBe('GET / got no response');
});

const { signal } = new AbortController();

async function serve(listener: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  onTestFinished(() => server.closeAllConnections());
  await once(server, 'listening');
  return { server, address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port } };
}

test('a server that closes only idle connections responds to a request that is in flight', async () => {
  const { server, address } = await serve((_request, response) => response.end('ok'));
  const stop = async () => {
    server.close();
    server.closeIdleConnections();
  };
  expect(await requestDuringShutdown(address, stop, signal)).toBeNull();
});

test('a server that closes all connections loses a request that is in flight', async () => {
  const { server, address } = await serve((_request, response) => response.end('ok'));
  const stop = async () => {
    server.close();
    server.closeAllConnections();
  };
  expect(await requestDuringShutdown(address, stop, signal)).toMatch(
    /^a request that was in flight when SIGTERM arrived got no response: /,
  );
});

test('a server that never responds does not block the check', { timeout: 20_000 }, async () => {
  const { address } = await serve(() => {});
  expect(await requestDuringShutdown(address, async () => {}, signal)).toMatch(/: no response$/);
});

/** A server that writes a text on each connection, and goes on writing `more`, or ends the connection when that is null. */
async function answer(text: string, more: string | null = '') {
  const server = createTcpServer((socket) => {
    const write = () => {
      while (more && socket.write(more));
    };
    socket.on('error', () => {}).on('drain', write);
    socket.once('data', () => socket.write(text, () => (more === null ? socket.end() : write())));
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

const OK = 'HTTP/1.1 200 OK\r\n';

test.each([
  ['with a length', `${OK}Content-Length: 2\r\n\r\nokmore`, 'ok'],
  ['without a length', `${OK}Connection: close\r\n\r\nok`, 'ok'],
  ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nok', 'ok'],
  ['without a body', 'HTTP/1.1 204 No Content\r\n\r\n', ''],
  ['with many headers', `${OK}${'x-many: headers\r\n'.repeat(2000)}Content-Length: 2\r\n\r\nok`, 'ok'],
  ['in UTF-8', `${OK}Connection: close\r\n\r\nü`, 'ü'],
])('a response %s', async (_name, text, body) => {
  expect(await sendRequest(await answer(text, null), '/', { signal })).toMatchObject({ body });
});

test('a long body is read whole, though not kept', async () => {
  const { address } = await serve((request, response) => response.end(`${'x'.repeat(5_000_000)}${request.url}`));
  const [a, again, b] = await Promise.all(['/a', '/a', '/b'].map((path) => sendRequest(address, path, { signal })));
  expect(a).toMatchObject({ status: 200, body: 'x'.repeat(1 << 20), digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(again).toEqual({ ...a, headers: expect.anything() });
  expect(b).not.toMatchObject({ digest: (a as Response).digest });
});

test.each([
  ['closed', 'that is closed', '', null, 0],
  ['closed', 'that is cut off', `${OK}Content-Length: 9\r\n\r\nok`, null, 40],
  ['silent', 'that does not come', '', '', 0],
  ['silent', 'whose headers do not end', OK, '', OK.length],
  ['endless-headers', 'whose headers have no end', OK, 'x: y\r\n'.repeat(1000), 1 << 18],
  ['endless-body', 'whose body does not end', `${OK}\r\nok`, '', 19],
  ['endless-body', 'whose body has no end', `${OK}\r\nok`, 'x'.repeat(1 << 16), 1 << 28],
  ['not-http', 'that is not HTTP', '220 mail.example ESMTP\r\n', '', 24],
])('%s: a response %s', { timeout: 60_000 }, async (failure, _name, text, more, atLeast) => {
  const limitMs = atLeast > 1000 ? 30_000 : 200;
  const result = await sendRequest(await answer(text, more), '/', { limitMs, signal });
  expect(result).toEqual({
    failure,
    bytes: expect.any(Number),
    beginning: failure === 'not-http' ? text.slice(0, 40) : '',
  });
  expect((result as RequestFailure).bytes).toBeGreaterThanOrEqual(atLeast);
});

test('a request to a port that nothing listens on', async () => {
  const { server, address } = await serve(() => {});
  server.close();
  expect(await sendRequest(address, '/', { signal })).toEqual({ failure: 'closed', bytes: 0, beginning: '' });
});

test('an interruption ends a request at once, before a response and in the middle of it', async () => {
  const { address } = await serve((request, response) => {
    if (request.url === '/body') response.writeHead(200, { connection: 'close' }).write('x');
  });
  const reason = new Error('stop');
  for (const path of ['/', '/body']) {
    const controller = new AbortController();
    const begin = performance.now();
    const request = sendRequest(address, path, { limitMs: 30_000, signal: controller.signal });
    setTimeout(() => controller.abort(reason), 100);
    await expect(request).rejects.toBe(reason);
    expect(performance.now() - begin).toBeLessThan(2000);
  }
  const aborted = requestDuringShutdown(address, async () => {}, AbortSignal.timeout(100));
  await expect(aborted).rejects.toThrow();
});

test('the message for closed connections says whether the app speaks TLS, closes at once, or stops in the middle', {
  timeout: 20_000,
}, async () => {
  const explain = async (address: Address) => {
    const result = await sendRequest(address, '/x', { signal });
    return (await explainFailure({ port: 80, path: '/x', limitMs: 30_000, address, result, signal })).message;
  };
  // Without a certificate, the handshake fails with an alert of TLS.
  const tls = createTlsServer(() => {}).listen(0, '127.0.0.1');
  onTestFinished(() => void tls.close());
  await once(tls, 'listening');
  const tlsAddress = { host: '127.0.0.1', port: (tls.address() as AddressInfo).port };
  const { server, address } = await serve(() => {});
  const closed = server.close();
  await once(closed, 'close');
  const messages = [
    explain(tlsAddress),
    explain(await answer('', null)),
    explain(await answer(`${OK}Content-Length: 9\r\n\r\nok`, null)),
    explain(address),
    explain({ host: '127.0.0.1', port: await serveNothing() }),
  ];
  expect(await Promise.all(messages)).toEqual([
    'The app speaks TLS on port 80.',
    'The app accepts connections on port 80, and closes them without a response.',
    'The app closes the connection in the middle of the response to GET /x on port 80, after 40 B.',
    `Nothing on this machine has 127.0.0.1:${address.port}, where the engine says that it publishes port 80.`,
    'Nothing responds on port 80 within 30 s: connections are closed at once.',
  ]);
});

/** As Docker's proxy does where nothing listens in the container. */
async function serveNothing(): Promise<number> {
  const server = createTcpServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

test('an address that no connection reaches is not an app that is silent', async () => {
  const address = { host: 'no-such-host.invalid', port: 80 };
  const result = await sendRequest(address, '/', { signal });
  expect(result).toMatchObject({ failure: 'unconnected', bytes: 0 });
  expect(await explainFailure({ port: 3000, path: '/', limitMs: 30_000, address, result, signal })).toMatchObject({
    message: 'There is no connection to no-such-host.invalid, port 80, where the engine publishes port 3000.',
    hint: expect.stringContaining('--publish ADDRESS'),
  });
});

/** An engine whose containers are all at an address; `remove` is what ends one. */
const engineAt = (address: Address, remove = async () => {}) =>
  ({
    start: async () => 'id',
    wait: () => new Promise(() => {}),
    container: async () => ({ address }),
    removeContainer: remove,
  }) as unknown as Engine;

const containerOptions = {
  ...{ port: 3000, exposed: [], path: '/', expectStatus: 200, args: [], hasNode: true, labels: {}, signal },
};

test('another program that has the port of a container here is found out, whatever it responds', async () => {
  const container = await serve((_request, response) => response.end('ok'));
  const close = async () => {
    container.server.close();
    container.server.closeAllConnections();
  };
  const run = (engine: Engine) =>
    runContainer(engine, 'image', containerOptions, async ({ response }) => response.body);
  expect(await run(engineAt(container.address, close))).toBe('ok');
  const other = await serve((_request, response) => response.end('ok'));
  await expect(run(engineAt(other.address))).rejects.toMatchObject({
    code: 'wrong-responder',
    message: `Another program responds at 127.0.0.1:${other.address.port}, not the container: it still does now that the container is removed.`,
  });
  // Also where it is not what was expected.
  await expect(run(engineAt(await answer('220 mail.example ESMTP\r\n', null)))).rejects.toMatchObject({
    code: 'wrong-responder',
  });
});

test('a connection to itself is not a response', async () => {
  const { server, address } = await serve(() => {});
  server.close();
  await once(server, 'close');
  // The same connection, made on purpose.
  vi.spyOn(Socket.prototype, 'connect').mockImplementationOnce(function (this: Socket) {
    vi.restoreAllMocks();
    return this.connect({
      host: address.host,
      port: address.port,
      localAddress: address.host,
      localPort: address.port,
    });
  });
  expect(await sendRequest(address, '/', { signal })).toMatchObject({ failure: 'closed', bytes: 0 });
});
