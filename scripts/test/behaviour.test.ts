import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { findDifference, type Responses } from '../compare/run/check-behaviour.ts';
import { answersUnderWay } from '../compare/run/in-flight.ts';

const answers = (headers: Record<string, string>, body = 'x', status = 200): Responses =>
  new Map([['GET /', { status, headers, body }]]);

test('answers differ in status, headers that matter, and body', () => {
  const reference = answers({ 'content-type': 'text/plain', date: 'now', connection: 'close' });
  expect(findDifference(answers({ 'content-type': 'text/plain', date: 'later' }), reference)).toBeNull();
  expect(findDifference(answers({ 'content-type': 'text/plain' }, 'x', 500), reference)).toBe(
    'GET /: status 500, not 200',
  );
  expect(findDifference(answers({ 'content-type': 'text/html' }), reference)).toBe(
    'GET /: header content-type is text/html, not text/plain',
  );
  expect(findDifference(answers({ 'content-type': 'text/plain', 'x-powered-by': 'y' }), reference)).toBe(
    'GET /: header x-powered-by is y, not none',
  );
  expect(findDifference(answers({ 'content-type': 'text/plain' }, 'y'), reference)).toBe('GET /: another body');
  expect(findDifference(new Map(), reference)).toBe('GET / was not answered');
});

async function serve(listener: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  onTestFinished(() => server.closeAllConnections());
  await once(server, 'listening');
  return { server, address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port } };
}

test('a request that is under way is answered by a server that closes only what is idle', async () => {
  const { server, address } = await serve((_request, response) => response.end('ok'));
  const stop = async () => {
    server.close();
    server.closeIdleConnections();
  };
  expect(await answersUnderWay(address, stop)).toBeNull();
});

test('a request that is under way is lost by a server that closes everything', async () => {
  const { server, address } = await serve((_request, response) => response.end('ok'));
  const stop = async () => {
    server.close();
    server.closeAllConnections();
  };
  expect(await answersUnderWay(address, stop)).toMatch(/^a request under way when SIGTERM came was not answered: /);
});

test('a server that never answers does not hold it up', { timeout: 20_000 }, async () => {
  const { address } = await serve(() => {});
  expect(await answersUnderWay(address, async () => {})).toMatch(/: no answer$/);
});
