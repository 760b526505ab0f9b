import { createHash } from 'node:crypto';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import type { ContainerFacts } from '../../engine/engine.ts';

/** How much of a body is kept, in bytes. */
const KEPT_BYTES = 1 << 20;
/** A body with more bytes than this counts as endless: an app that writes as fast as it can reaches it in about a second. */
const BODY_LIMIT_BYTES = 256 << 20;
/** Headers with more bytes than this count as endless. Node's own limit of 16 KiB is less than other clients accept. */
const HEADER_LIMIT_BYTES = 256 << 10;
/** How much is kept of what is not HTTP, in bytes. */
const EXCERPT_BYTES = 40;

/** The errors of a connection that does not reach the machine. */
const NO_ROUTE = ['EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'];

/**
 * Whether a connection has no server: where nothing listens on a port of this machine, the system may give a connection that
 * port as its own (https://www.rfc-editor.org/rfc/rfc9293#section-3.5-7), and what it sends comes back.
 */
const isConnectedToItself = ({ localAddress, localPort, remoteAddress, remotePort }: Socket) =>
  localPort === remotePort && localAddress === remoteAddress;

/** Where a container's port is published. */
export type Address = NonNullable<ContainerFacts['address']>;

export interface Response {
  status: number;
  headers: IncomingHttpHeaders;
  /** The body's first megabyte. */
  body: string;
  /** The SHA-256 of the whole body. */
  digest: string;
}

/** Why there is no complete response. */
export interface RequestFailure {
  /**
   * `closed`: the connection was refused or closed. `unconnected`: there was none, as with a firewall. `silent`: nothing
   * came within the limit, or no complete headers.
   * `not-http`: what came is not HTTP/1. `endless-headers`, `endless-body`: they did not end within the limit of time or size.
   */
  failure: 'closed' | 'unconnected' | 'silent' | 'not-http' | 'endless-headers' | 'endless-body';
  /** How many bytes came. */
  bytes: number;
  /** The first bytes of what is not HTTP. */
  beginning: string;
}

interface RequestOptions {
  method?: string;
  /** In milliseconds, from now to the end of the response. */
  limitMs?: number;
  /** Ends the request at once. */
  signal: AbortSignal;
}

/** Requests a path on a connection of its own. @throws the signal's reason, after an interruption; nothing else. */
export async function sendRequest(
  { host, port }: Address,
  path: string,
  { method = 'GET', limitMs = 5_000, signal }: RequestOptions,
): Promise<Response | RequestFailure> {
  const limit = AbortSignal.timeout(Math.max(0, Math.ceil(limitMs)));
  const client = request({
    host,
    port,
    path,
    method,
    agent: false,
    maxHeaderSize: HEADER_LIMIT_BYTES,
    signal: AbortSignal.any([limit, signal]),
  });
  let isConnected = false;
  client.once('socket', (socket) => {
    socket.once('connect', () => {
      isConnected = true;
      if (isConnectedToItself(socket)) socket.destroy();
    });
  });
  const fail = (failure: RequestFailure['failure'], beginning = ''): RequestFailure => {
    const bytes = client.socket?.bytesRead ?? 0;
    client.destroy();
    return { failure, bytes, beginning };
  };
  let response: IncomingMessage | undefined;
  try {
    response = await new Promise<IncomingMessage>((resolve, reject) => {
      client.on('response', resolve).on('error', reject).end();
    });
    const hash = createHash('sha256');
    const kept: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (bytes < KEPT_BYTES) kept.push(chunk.subarray(0, KEPT_BYTES - bytes));
      hash.update(chunk);
      bytes += chunk.length;
      if (bytes > BODY_LIMIT_BYTES) return fail('endless-body');
    }
    // A body without a length ends with the connection, also when that is closed here.
    signal.throwIfAborted();
    if (limit.aborted) return fail('endless-body');
    const body = Buffer.concat(kept).toString();
    return { status: response.statusCode ?? 0, headers: response.headers, body, digest: hash.digest('hex') };
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted && !isConnected) return fail('unconnected');
    if (limit.aborted) return fail(response ? 'endless-body' : 'silent');
    const { code, rawPacket } = error as NodeJS.ErrnoException & { rawPacket?: Buffer };
    if (code !== undefined && NO_ROUTE.includes(code)) return fail('unconnected');
    if (code === 'HPE_HEADER_OVERFLOW') return fail('endless-headers');
    // https://nodejs.org/api/errors.html: HPE_ codes are those of Node's HTTP parser.
    return code?.startsWith('HPE_')
      ? fail('not-http', rawPacket?.toString('latin1', 0, EXCERPT_BYTES))
      : fail('closed');
  }
}
