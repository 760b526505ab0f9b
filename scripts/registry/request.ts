import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, request as sendRequest } from 'undici';
import { bytes as showBytes } from '../lib/format.ts';
import { isLoopback, mayAsk, showAddress } from './address.ts';
import { findAuthorities } from './certificates.ts';
import { createDispatchers } from './dispatchers.ts';
import type { RegistryLimits } from './limits.ts';
import { apiHost, type Reference, SCHEME } from './reference.ts';
import { describeNetworkError, isCertificateError, RegistryError } from './registry-error.ts';
import { describeResponse } from './response-error.ts';

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** How much of the body of an error is read. */
const MAX_ERROR_BYTES = 64 << 10;
const DISCARD_LIMIT_MS = 1000;
/** What is named to registries and their token servers. */
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
  /** Leaves the body unread. */
  discard(): void;
}

/** Sends requests for one image. All its errors are {@link RegistryError}, except the reasons of signals. */
export interface RegistryClient {
  /** Where the registry's API is. */
  origin: URL;
  /** Sends a request once and follows redirects. Responses with the status of an error are responses, too. */
  send(request: RegistryRequest, signal: AbortSignal): Promise<RegistryResponse>;
  /** The whole body. @throws as soon as it is longer than the limit. */
  readAll(response: RegistryResponse, limit: number): Promise<Buffer>;
  /** An error that begins with the name of the image. */
  failure(...args: ConstructorParameters<typeof RegistryError>): RegistryError;
  /** The error of a response with an unexpected status. Reads the beginning of its body. */
  unexpected(response: RegistryResponse): Promise<RegistryError>;
}

/** @param signal ends all requests, in addition to the signal of each. */
export async function createClient(
  reference: Reference,
  limits: RegistryLimits,
  signal: AbortSignal,
): Promise<RegistryClient> {
  const { host, name } = reference;
  const dispatcherFor = createDispatchers(await findAuthorities(host), limits);
  const origin = await findOrigin(apiHost(host), dispatcherFor, signal);
  const describe = (url: URL, method = 'GET') => `Cannot read ${SCHEME}${name}: ${method} ${showAddress(url)}`;
  const networkError = (error: unknown, url: URL, method?: string) => {
    signal.throwIfAborted();
    return error instanceof RegistryError ? error : describeNetworkError(error, describe(url, method), host);
  };

  async function* readChunks(body: Dispatcher.ResponseData['body'], url: URL): AsyncGenerator<Buffer, void> {
    try {
      yield* body;
    } catch (error) {
      throw networkError(error, url);
    }
  }

  async function sendOnce(url: URL, request: RegistryRequest, requestSignal: AbortSignal): Promise<RegistryResponse> {
    const { method = 'GET', headers, body, authorization } = request;
    const mayAuthorize = authorization !== undefined && url.origin === request.url.origin;
    try {
      const response = await sendRequest(url, {
        method,
        dispatcher: dispatcherFor(url),
        signal: requestSignal,
        headers: { 'user-agent': CLIENT_NAME, ...headers, ...(mayAuthorize && { authorization }) },
        body: body ?? null,
      });
      // Without a listener, a body that fails while nobody reads it would end the process.
      response.body.on('error', () => {});
      const discard = () => void discardBody(response.body);
      const chunks = readChunks(response.body, url);
      return { url, status: response.statusCode, headers: response.headers, chunks, discard };
    } catch (error) {
      throw networkError(error, url, method);
    }
  }

  const client: RegistryClient = {
    origin,

    async send(request, requestSignal) {
      let { url } = request;
      for (let count = 0; ; count += 1) {
        const response = await sendOnce(url, request, requestSignal);
        const { location } = response.headers;
        // The form of a token request holds a secret: it goes nowhere else.
        const isRedirect = REDIRECTS.has(response.status) && location !== undefined && request.method !== 'POST';
        if (!isRedirect) return response;
        response.discard();
        const fail = (reason: string) =>
          new RegistryError(`${describe(request.url)} ${reason}`, {
            code: 'registry-unreliable',
            hint: "Check the registry's name, and the settings of the registry if it is yours.",
          });
        if (count === MAX_REDIRECTS) throw fail(`was redirected more than ${MAX_REDIRECTS} times.`);
        if (!URL.canParse(location, url)) throw fail('was redirected to what is not an address.');
        const next = new URL(location, url);
        if (!mayAsk(next, request.url)) throw fail(`was redirected to ${showAddress(next)}, which is not https.`);
        url = next;
      }
    },

    async readAll(response, limit) {
      const chunks: Buffer[] = [];
      let count = 0;
      for await (const chunk of response.chunks) {
        count += chunk.length;
        if (count > limit) {
          throw new RegistryError(`${describe(response.url)} was answered with more than ${showBytes(limit)}.`, {
            code: 'registry-unreliable',
            hint: "Check the registry's name: something else may be at this address.",
          });
        }
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    },

    failure: (message, details) => new RegistryError(`Cannot read ${SCHEME}${name}: ${message}`, details),

    async unexpected(response) {
      const body = await readBeginning(response).catch(() => {
        signal.throwIfAborted();
        return Buffer.alloc(0);
      });
      return describeResponse(response, body, describe(response.url), reference);
    },
  };
  return client;
}

/**
 * Reads a body that is short and soon complete, so that its connection can be used again. Ends the connection
 * otherwise.
 */
async function discardBody(body: Dispatcher.ResponseData['body']): Promise<void> {
  await body.dump({ limit: MAX_ERROR_BYTES, signal: AbortSignal.timeout(DISCARD_LIMIT_MS) }).catch(() => {});
}

/** The beginning of the body of an error. */
async function readBeginning({ chunks }: RegistryResponse): Promise<Buffer> {
  const read: Buffer[] = [];
  let count = 0;
  for await (const chunk of chunks) {
    read.push(chunk);
    count += chunk.length;
    if (count >= MAX_ERROR_BYTES) break;
  }
  return Buffer.concat(read).subarray(0, MAX_ERROR_BYTES);
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
    void discardBody(body);
    return secure;
  } catch (error) {
    signal.throwIfAborted();
    return isCertificateError(error) ? secure : new URL(`http://${host}`);
  }
}
