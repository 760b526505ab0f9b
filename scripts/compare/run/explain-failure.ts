import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { bytes, shorten } from '../../lib/format.ts';
import { describeUnbound, isUnbound } from './published-port.ts';
import type { Address, RequestFailure, Response } from './send-request.ts';

/** How long a connection is watched to see what becomes of it, in milliseconds. */
const WATCH_MS = 1000;

const OTHER_PORT = 'Another port: --port. An image that cannot run by itself: --no-run.';
const OTHER_PATH = 'Another path: --path /healthz.';

/** What a container did with the last request. */
export interface LastRequest {
  port: number;
  path: string;
  limitMs: number;
  /** Null when the engine has not published the port. */
  address: Address | null;
  result: Response | RequestFailure | null;
  signal: AbortSignal;
}

/** Says why a container did not respond as a service should: the last request, looked at closely; and what to do. */
export async function explainFailure(last: LastRequest): Promise<{ message: string; hint: string }> {
  const { port, path, limitMs, address, result, signal } = last;
  const get = `GET ${path} on port ${port}`;
  const within = `within ${limitMs / 1000} s`;
  const listenHint = `Does the app listen on port ${port} and on all addresses (0.0.0.0), not only on localhost? ${OTHER_PORT}`;
  if (!address || !result) return { message: `The engine did not publish port ${port} ${within}.`, hint: listenHint };
  if ('status' in result) {
    const message = `${get} still responds with status ${result.status} after ${limitMs / 1000} s.`;
    const meaning = 'It means "not yet": the app may wait for something, such as a database.';
    return { message, hint: `${meaning} ${OTHER_PATH} If this status is correct: --expect-status ${result.status}.` };
  }
  const received = bytes(result.bytes);
  if (result.failure === 'endless-body') {
    const message = `The body of the response to ${get} does not end: ${received} came.`;
    return { message, hint: OTHER_PATH };
  }
  if (result.failure === 'endless-headers' || (result.failure === 'silent' && result.bytes > 0)) {
    const message = `The headers of the response to ${get} do not end: ${received} came.`;
    return { message, hint: OTHER_PATH };
  }
  if (result.failure === 'unconnected') {
    const message = `There is no connection to ${address.host}, port ${address.port}, where the engine publishes port ${port}.`;
    const hint =
      'Is there a firewall, or another name for the machine? --publish ADDRESS publishes on another address of';
    return { message, hint: `${hint} the engine's machine. Or: --no-run` };
  }
  if (result.failure === 'silent') {
    const message = `The app accepts the request ${get}, but sends nothing ${within}.`;
    return { message, hint: `${OTHER_PATH} If it waits for something outside, such as a database: --no-run.` };
  }
  if (result.bytes === 0 && (await isUnbound(address))) return describeUnbound(address, port);
  if (await speaksTls(address, signal)) {
    const hint = 'compare requests plain HTTP: let the app serve that, and end TLS in front of the container.';
    return { message: `The app speaks TLS on port ${port}.`, hint: `${hint} ${OTHER_PORT}` };
  }
  if (result.failure === 'not-http') {
    const beginning = shorten(JSON.stringify(result.beginning), 60);
    return { message: `What the app sends on port ${port} is not HTTP/1: ${beginning}`, hint: OTHER_PORT };
  }
  if (result.bytes > 0) {
    const message = `The app closes the connection in the middle of the response to ${get}, after ${received}.`;
    return { message, hint: OTHER_PATH };
  }
  if (await staysOpen(address, signal)) {
    const message = `The app accepts connections on port ${port}, and closes them without a response.`;
    return { message, hint: OTHER_PORT };
  }
  return { message: `Nothing responds on port ${port} ${within}: connections are closed at once.`, hint: listenHint };
}

/**
 * Whether a connection on which nothing is sent stays open. Docker's proxy accepts connections on its own, and closes them
 * at once where nothing in the container listens.
 */
async function staysOpen({ host, port }: Address, signal: AbortSignal): Promise<boolean> {
  return (await watch(connect(port, host).resume(), signal)) === 'open';
}

/** Whether a TLS handshake succeeds, with any certificate, or is refused by TLS's own means. */
async function speaksTls({ host, port }: Address, signal: AbortSignal): Promise<boolean> {
  let secure = false;
  const socket = connectTls({ host, port, rejectUnauthorized: false }, () => {
    secure = true;
  });
  const end = await watch(socket, signal);
  return secure || (end instanceof Error && /ALERT|UNSUPPORTED_PROTOCOL/.test(String('code' in end && end.code)));
}

/** Watches a connection for a while: whether it stays open, is closed, or fails. Closes it. */
async function watch(socket: Socket, signal: AbortSignal): Promise<'open' | 'closed' | Error> {
  try {
    const closed = once(socket, 'close').then(
      () => 'closed' as const,
      (error: Error) => error,
    );
    return await Promise.race([closed, sleep(WATCH_MS, 'open' as const, { signal })]);
  } finally {
    socket.on('error', () => {}).destroy();
  }
}
