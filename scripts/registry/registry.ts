import { createHash } from 'node:crypto';
import { shorten } from '../lib/format.ts';
import { LIMITS } from './limits.ts';
import { MANIFEST_TYPES, readMediaType } from './manifest.ts';
import type { Reference } from './reference.ts';
import { createClient, type RegistryClient, type RegistryResponse } from './request.ts';
import { retryTransient } from './retry.ts';
import { type Authorizer, createAuthorizer } from './token.ts';

export interface BlobDescriptor {
  digest: string;
  size: number;
}

export interface Manifest {
  /** Of an image or an index: OCI's or Docker's. */
  mediaType: string;
  digest: string;
  bytes: Buffer;
}

/** An image's repository in a registry. */
export interface Registry {
  /**
   * The manifest or index of the reference, or of a digest. Its bytes have the digest that was asked for; when a tag
   * was asked for, the digest that the registry says, if it says one.
   */
  manifest(digest?: string): Promise<Manifest>;
  /**
   * The content of a blob. The stream fails at its end when the digest is wrong, as soon as it is longer than its size,
   * and when it ends early. Leaving its loop ends the connection.
   */
  blob(descriptor: BlobDescriptor): AsyncIterable<Buffer>;
}

/**
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests requires registries to hold
 * these.
 */
const MAX_MANIFEST_BYTES = 4 << 20;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const DAMAGED_HINT = 'Try again. If it happens again, a proxy or the registry itself changes what it sends.';

/**
 * Reads an image from its registry, without a container engine. Nothing is sent before the first call.
 *
 * @param signal ends all requests.
 * @throws {ToolError} from each call, when the registry cannot be reached, refuses, or sends what is not the image.
 */
export function openRegistry(reference: Reference, signal: AbortSignal, limits = LIMITS): Registry {
  let opened: Promise<{ client: RegistryClient; authorizer: Authorizer }> | undefined;

  const open = () => {
    opened ??= createClient(reference, limits, signal).then((client) => {
      return { client, authorizer: createAuthorizer(reference, client, signal, limits.documentMs) };
    });
    return opened;
  };

  /** The response to a request of the repository, if it has status 200. Logs in when the registry asks for it. */
  async function get(path: string, accept: string, requestSignal: AbortSignal): Promise<RegistryResponse> {
    const { client, authorizer } = await open();
    const url = new URL(`/v2/${reference.repository}/${path}`, client.origin);
    const send = (authorization: string | undefined) =>
      client.send({ url, headers: { accept }, authorization }, requestSignal);
    const authorization = authorizer.current();
    let response = await send(authorization);
    // A server that the registry redirects to does not decide where to log in.
    if (response.status === 401 && response.url.origin === client.origin.origin) {
      const renewed = await authorizer.renew(response.headers['www-authenticate'], authorization);
      if (renewed !== undefined) {
        response.discard();
        response = await send(renewed);
      }
    }
    if (response.status !== 200) throw await client.unexpected(response);
    return response;
  }

  async function checkDigest(digest: string): Promise<void> {
    if (DIGEST.test(digest)) return;
    const { client } = await open();
    throw client.failure(`only digests of sha256 are supported, not ${shorten(digest, 100)}.`);
  }

  async function fail(message: string): Promise<never> {
    const { client } = await open();
    throw client.failure(message, { code: 'registry-unreliable', hint: DAMAGED_HINT });
  }

  async function readManifest(target: string): Promise<Manifest> {
    const documentSignal = AbortSignal.any([signal, AbortSignal.timeout(limits.documentMs)]);
    const response = await get(`manifests/${target}`, MANIFEST_TYPES.join(', '), documentSignal);
    const { client } = await open();
    const bytes = await client.readAll(response, MAX_MANIFEST_BYTES);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const stated = response.headers['docker-content-digest'];
    const expected = DIGEST.test(target) ? target : stated;
    if (expected !== undefined) await checkDigest(String(expected));
    if (expected !== undefined && expected !== digest) {
      return fail(`the registry sent a manifest with the digest ${digest} for ${expected}.`);
    }
    const failure = (message: string, hint: string) => client.failure(message, { hint });
    const mediaType = readMediaType(bytes, String(response.headers['content-type'] ?? ''), failure);
    return { mediaType, digest, bytes };
  }

  async function* readBlob({ digest, size }: BlobDescriptor): AsyncGenerator<Buffer, void> {
    await checkDigest(digest);
    // Again only until the first bytes have come: they are passed on at once.
    const { chunks, first } = await retryTransient(
      async () => {
        const response = await get(`blobs/${digest}`, '*/*', signal);
        const length = response.headers['content-length'];
        if (length !== undefined && Number(length) !== size) {
          response.discard();
          return fail(`the registry has ${length} bytes for ${digest}, not ${size}.`);
        }
        return { chunks: response.chunks, first: await response.chunks.next() };
      },
      limits,
      signal,
    );
    const hash = createHash('sha256');
    let count = 0;
    try {
      for (let next = first; !next.done; next = await chunks.next()) {
        count += next.value.length;
        if (count > size) return await fail(`the registry sent more than ${size} bytes for ${digest}.`);
        hash.update(next.value);
        yield next.value;
      }
    } finally {
      await chunks.return();
    }
    if (count < size) return fail(`the registry sent ${count} bytes for ${digest}, not ${size}.`);
    const actual = `sha256:${hash.digest('hex')}`;
    if (actual !== digest) return fail(`the registry sent content with the digest ${actual} for ${digest}.`);
  }

  return {
    async manifest(digest) {
      if (digest !== undefined) await checkDigest(digest);
      const target = digest ?? reference.digest ?? reference.tag ?? 'latest';
      return retryTransient(() => readManifest(target), limits, signal);
    },
    blob: readBlob,
  };
}
