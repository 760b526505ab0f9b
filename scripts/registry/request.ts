import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, request as sendRequest } from 'undici';
import { bytes as showBytes } from '../lib/format.ts';
import { isLoopback, mayAsk, showAddress } from './address.ts';
import { findAuthorities } from './certificates.ts';
import { createDispatchers } from './dispatchers.ts';
import type { RegistryLimits } from './limits.ts';
import { apiHost, type Reference } from './reference.ts';
import {
  ADDRESS_HINT,
  describeNetworkError,
  describeResponse,
  isCertificateError,
  RegistryError,
} from './registry-error.ts';

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** How much is read of a body that is not what was asked for, such as that of an error, and for how long. */
const MAX_BEGINNING_BYTES = 64 << 10;
const MAX_BEGINNING_MS = 2000;
/** The name that registries and their token servers get. */
export const CLIENT_NAME = 'compare-dockerfiles';

export interface RegistryRequest {
  url: URL;
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: string;
  /** The header of this name. It is sent to the origin of `url` and nowhere else. */
  authorization?: string | undefined;
}

export interface RegistryResponse {
  /** Where the response comes from, after redirects. */
  url: URL;
  status: number;
  headers: IncomingHttpHeaders;
  /** The body. Leaving its loop ends the connection. */
  chunks: AsyncGenerator<Buffer, void>;
  /** The whole body. @throws as soon as it is longer than the limit, in bytes. */
  readAll(limit: number): Promise<Buffer>;
  /** The beginning of a body that is not what was asked for: see the function of this name. */
  readBeginning(): Promise<Buffer>;
}

export type RegistryClient = Awaited<ReturnType<typeof createClient>>;

/**
 * Makes what sends requests for one image. All its errors are {@link RegistryError}, except the reasons of signals.
 *
 * @param signal ends all requests, in addition to the signal of each.
 * @throws {ToolError} for certificates and a proxy that cannot be used.
 */
export async function createClient(reference: Reference, limits: RegistryLimits, signal: AbortSignal) {
  const { host } = reference;
  const dispatcherFor = createDispatchers(await findAuthorities(host), limits, signal);
  const origin = await findOrigin(apiHost(host), dispatcherFor, signal);
  const describe = (url: URL, method = 'GET') => `${method} ${showAddress(url)}`;
  const networkError = (error: unknown, url: URL, method?: string) => {
    signal.throwIfAborted();
    return describeNetworkError(error, describe(url, method), reference);
  };
  const unreliable = (problem: string) =>
    new RegistryError(reference, problem, { code: 'registry-unreliable', hint: ADDRESS_HINT });

  async function* readChunks(body: Dispatcher.ResponseData['body'], url: URL): AsyncGenerator<Buffer, void> {
    try {
      yield* body;
    } catch (error) {
      throw networkError(error, url);
    }
  }

  async function sendOnce(url: URL, request: RegistryRequest, requestSignal: AbortSignal): Promise<RegistryResponse> {
    const { method = 'GET', headers, body: sent, authorization } = request;
    const mayAuthorize = authorization !== undefined && url.origin === request.url.origin;
    try {
      const {
        statusCode,
        headers: received,
        body,
      } = await sendRequest(url, {
        method,
        dispatcher: dispatcherFor(url),
        signal: requestSignal,
        headers: { 'user-agent': CLIENT_NAME, ...headers, ...(mayAuthorize && { authorization }) },
        body: sent ?? null,
      });
      // Without a listener, a body that fails while nobody reads it would end the process.
      body.on('error', () => {});
      const chunks = readChunks(body, url);
      const readAll = async (limit: number) => {
        const bytes = await collect(chunks, limit);
        if (bytes.length > limit) throw unreliable(`${describe(url)} sent more than ${showBytes(limit)}.`);
        return bytes;
      };
      return { url, status: statusCode, headers: received, chunks, readAll, readBeginning: () => readBeginning(body) };
    } catch (error) {
      throw networkError(error, url, method);
    }
  }

  return {
    /** Where the registry's API is. */
    origin,

    /** Sends a request once and follows redirects. Responses with the status of an error are responses, too. */
    async send(request: RegistryRequest, requestSignal: AbortSignal): Promise<RegistryResponse> {
      let { url } = request;
      for (let count = 0; ; count += 1) {
        const response = await sendOnce(url, request, requestSignal);
        const { location } = response.headers;
        // The form of a token request holds a secret: it goes nowhere else.
        const isRedirect = REDIRECTS.has(response.status) && location !== undefined && request.method !== 'POST';
        if (!isRedirect) return response;
        void response.readBeginning();
        const fail = (problem: string) => unreliable(`${describe(request.url)} was redirected ${problem}.`);
        if (count === MAX_REDIRECTS) throw fail(`more than ${MAX_REDIRECTS} times`);
        if (!URL.canParse(location, url)) throw fail('to what is not an address');
        const next = new URL(location, url);
        if (!mayAsk(next, request.url)) throw fail(`to ${showAddress(next)}, which is not https`);
        url = next;
      }
    },

    /** The error of a response with an unexpected status. Reads the beginning of its body. */
    async unexpected(response: RegistryResponse): Promise<RegistryError> {
      const body = await response.readBeginning();
      signal.throwIfAborted();
      return describeResponse(response, body, describe(response.url), reference);
    },
  };
}

/** A body, up to the chunk that makes it longer than the limit, in bytes. Leaving it there ends its connection. */
async function collect(body: AsyncIterable<Buffer>, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let count = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    count += chunk.length;
    if (count > limit) break;
  }
  return Buffer.concat(chunks);
}

/**
 * The beginning of a body; nothing of one that fails or is not complete in time. The connection of a body that is neither
 * long nor slow can be used again, any other is ended. Never throws.
 */
async function readBeginning(body: Dispatcher.ResponseData['body']): Promise<Buffer> {
  const timer = setTimeout(() => body.destroy(), MAX_BEGINNING_MS);
  return collect(body, MAX_BEGINNING_BYTES)
    .catch(() => Buffer.alloc(0))
    .finally(() => clearTimeout(timer));
}

/**
 * Where a registry's API is. For a registry on this machine, as Docker does: https where it responds, or else plain
 * http. Unlike Docker, a certificate that is not trusted is an error there, too.
 */
async function findOrigin(host: string, dispatcherFor: (url: URL) => Dispatcher, signal: AbortSignal): Promise<URL> {
  const secure = new URL(`https://${host}`);
  if (!isLoopback(secure)) return secure;
  try {
    const { body } = await sendRequest(new URL('/v2/', secure), { dispatcher: dispatcherFor(secure), signal });
    body.on('error', () => {});
    void readBeginning(body);
    return secure;
  } catch (error) {
    signal.throwIfAborted();
    return isCertificateError(error) ? secure : new URL(`http://${host}`);
  }
}
