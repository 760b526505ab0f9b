import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from './send-request.ts';

/** How long the app has to notice the beginning of the request, and the signal, in milliseconds. */
const PAUSE_MS = 400;
/** How long the response may take, in milliseconds. */
const LIMIT_MS = 5_000;

/**
 * Sends the first half of a request, then calls `stop`, which sends the app SIGTERM, then sends the rest. Returns null
 * when a response arrives, and otherwise what happened instead. The app does not need a slow route for this: for a server,
 * a request whose head is not complete is in flight (https://nodejs.org/api/http.html#servercloseidleconnections).
 *
 * @throws the signal's reason, after an interruption.
 */
export async function requestDuringShutdown(
  address: Address,
  stop: () => Promise<void>,
  signal: AbortSignal,
): Promise<string | null> {
  const socket = connect(address).setEncoding('utf8');
  const received = once(socket, 'data').then(String);
  const closed = once(socket, 'close').then(() => 'the connection was closed');
  const ended = Promise.race([received, closed]).catch((error: Error) => error.message);
  try {
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n');
    await sleep(PAUSE_MS, undefined, { signal });
    await stop();
    await sleep(PAUSE_MS, undefined, { signal });
    if (!socket.destroyed) socket.write('\r\n');
    const end = await Promise.race([ended, sleep(LIMIT_MS, 'no response', { ref: false, signal })]);
    if (/^HTTP\/1\.1 \d\d\d /.test(end)) return null;
    return `a request that was in flight when SIGTERM arrived got no response: ${end}`;
  } finally {
    socket.destroy();
  }
}
