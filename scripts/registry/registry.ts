import { sha256, verifyContent } from '../lib/digest.ts';
import { shorten } from '../lib/format.ts';
import { INDEX_TYPES, MANIFEST_TYPES, MAX_DOCUMENT_BYTES } from './image-format.ts';
import { LIMITS, retryTransient } from './limits.ts';
import type { Reference } from './reference.ts';
import { RegistryError } from './registry-error.ts';
import { createClient, type RegistryResponse } from './request.ts';
import { createSession } from './session.ts';

/** What names a blob. */
export interface BlobDescriptor {
  digest: string;
  /** In bytes. */
  size: number;
}

/** An image's repository in a registry. */
export interface Registry {
  /**
   * The bytes of the manifest or index of the reference, or of a digest. They have the digest that was asked for; when a
   * tag was asked for, the digest that the registry says, if it says one.
   */
  manifest(digest?: string): Promise<Buffer>;
  /**
   * The content of a blob. The stream fails at its end when the digest is wrong, as soon as it is longer than its size,
   * and when it ends early. Leaving its loop ends the connection.
   */
  blob(descriptor: BlobDescriptor): AsyncIterable<Buffer>;
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const ACCEPT_MANIFESTS = [...INDEX_TYPES, ...MANIFEST_TYPES].join(', ');

/**
 * Reads an image from its registry, without a container engine. Nothing is sent before the first call.
 *
 * @param signal ends all requests.
 * @throws {ToolError} from each call, when the registry cannot be reached, refuses, or sends what is not the image.
 */
export function openRegistry(reference: Reference, signal: AbortSignal, limits = LIMITS): Registry {
  let session: Promise<ReturnType<typeof createSession>> | undefined;

  async function get(path: string, accept: string, requestSignal: AbortSignal): Promise<RegistryResponse> {
    session ??= createClient(reference, limits, signal).then((client) =>
      createSession(reference, client, signal, limits.documentMs),
    );
    return (await session).get(`/v2/${reference.repository}/${path}`, accept, requestSignal);
  }

  /** A digest becomes a part of an address. */
  function checkDigest(digest: string): void {
    if (DIGEST.test(digest)) return;
    throw new RegistryError(reference, `only digests of sha256 are supported, not ${shorten(digest, 100)}.`, {});
  }

  const damaged = (problem: string) =>
    new RegistryError(reference, `the registry sent something else: ${problem}.`, {
      code: 'registry-unreliable',
      hint: 'Try again. If it happens again, a proxy or the registry itself changes what it sends.',
    });

  async function readManifest(target: string): Promise<Buffer> {
    const documentSignal = AbortSignal.any([signal, AbortSignal.timeout(limits.documentMs)]);
    const response = await get(`manifests/${target}`, ACCEPT_MANIFESTS, documentSignal);
    const bytes = await response.readAll(MAX_DOCUMENT_BYTES);
    const stated = response.headers['docker-content-digest'];
    const expected = DIGEST.test(target) ? target : stated && String(stated);
    if (!expected) return bytes;
    checkDigest(expected);
    if (sha256(bytes) !== expected) throw damaged(`${expected} has the digest ${sha256(bytes)}`);
    return bytes;
  }

  async function* readBlob(blob: BlobDescriptor): AsyncGenerator<Buffer, void> {
    checkDigest(blob.digest);
    // Repeated only until the first bytes have come: they are passed on at once.
    const { first, rest } = await retryTransient(
      async () => {
        const { chunks } = await get(`blobs/${blob.digest}`, '*/*', signal);
        return { first: await chunks.next(), rest: chunks };
      },
      limits,
      signal,
    );
    async function* content() {
      try {
        if (!first.done) yield first.value;
        yield* rest;
      } finally {
        await rest.return();
      }
    }
    yield* verifyContent(content(), blob, (problem) => damaged(`${blob.digest} ${problem}`));
  }

  return {
    async manifest(digest) {
      if (digest !== undefined) checkDigest(digest);
      const target = digest ?? reference.digest ?? reference.tag ?? 'latest';
      return retryTransient(() => readManifest(target), limits, signal);
    },
    blob: readBlob,
  };
}
