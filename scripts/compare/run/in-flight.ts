import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from './serve.ts';

/** How long the app has to notice the beginning of the request, and the signal, in milliseconds. */
const PAUSE_MS = 400;
/** How long the answer may take, in milliseconds. */
const LIMIT_MS = 5_000;

/**
 * Sends the first half of a request, then `signal`s the app to stop, then sends the rest. Returns null when the answer is
 * whole, and otherwise what came instead. This needs no slow route in the app: a request whose head is not complete yet
 * is under way for the server (https://nodejs.org/api/http.html#servercloseidleconnections).
 */
export async function answersUnderWay(address: Address, signal: () => Promise<void>): Promise<string | null> {
  const socket = connect(address);
  let received = '';
  const closed = new Promise<string>((resolve) => {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      received += text;
    });
    socket.on('error', (error) => resolve(error.message));
    socket.on('close', () => resolve('the connection was closed'));
  });
  try {
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n');
    await sleep(PAUSE_MS);
    await signal();
    await sleep(PAUSE_MS);
    if (!socket.destroyed) socket.write('\r\n');
    const end = await Promise.race([closed, sleep(LIMIT_MS, 'no answer', { ref: false })]);
    if (/^HTTP\/1\.1 \d\d\d /.test(received)) return null;
    return `a request under way when SIGTERM came was not answered: ${end}`;
  } finally {
    socket.destroy();
  }
}
