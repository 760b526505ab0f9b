import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { compareResponses, type Responses } from '../compare/run/compare-responses.ts';
import { requestDuringShutdown } from '../compare/run/request-during-shutdown.ts';
import { sendRequest } from '../compare/run/send-request.ts';

const responses = (headers: Record<string, string>, body = 'x', status = 200): Responses =>
  new Map([['GET /', { status, headers, body }]]);

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
  expect(compareResponses(new Map(), reference)).toBe('GET / got no response');
});

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
  expect(await requestDuringShutdown(address, stop)).toBeNull();
});

test('a server that closes all connections loses a request that is in flight', async () => {
  const { server, address } = await serve((_request, response) => response.end('ok'));
  const stop = async () => {
    server.close();
    server.closeAllConnections();
  };
  expect(await requestDuringShutdown(address, stop)).toMatch(
    /^a request that was in flight when SIGTERM arrived got no response: /,
  );
});

test('a server that never responds does not block the check', { timeout: 20_000 }, async () => {
  const { address } = await serve(() => {});
  expect(await requestDuringShutdown(address, async () => {})).toMatch(/: no response$/);
});

test('a response that does not end, or is cut off, is an error', async () => {
  const { address } = await serve((request, response) => {
    if (request.url === '/cut') response.write('x', () => response.destroy());
    else {
      const timer = setInterval(() => response.write('x'.repeat(1 << 20)), 5);
      response.on('close', () => clearInterval(timer));
    }
  });
  await expect(sendRequest(address, '/')).rejects.toThrow('does not end');
  await expect(sendRequest(address, '/cut')).rejects.toThrow('aborted');
});

test('a response that comes too late is an error', async () => {
  const { address } = await serve((request, response) => {
    if (request.url === '/body') response.write('x');
  });
  await expect(sendRequest(address, '/', { limitMs: 100 })).rejects.toThrow('aborted');
  await expect(sendRequest(address, '/body', { limitMs: 100 })).rejects.toThrow('aborted');
});
