import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { ToolError } from '../../lib/errors.ts';
import { choosePlatform } from './choose-platform.ts';
import {
  type Blob,
  type Descriptor,
  MAX_DOCUMENT_BYTES,
  type ManifestDocument,
  readImageConfig,
  readManifest,
} from './image-documents.ts';
import type { ImageChoice, StoredImage, StoredLayer } from './stored-image.ts';

/** A place that has manifests and blobs by their digests: a registry, an OCI layout, an archive of one. */
export interface ContentStore {
  /** The document of this digest; without a digest, the one that the image's name stands for. */
  manifest(digest?: string): Promise<{ bytes: Buffer }>;
  /**
   * The contents of blobs, in any order, each to be read to its end before the next one. A content fails at its end when it
   * is not what its digest names, and as soon as it is longer than its size.
   */
  blobs(descriptors: Blob[]): AsyncIterable<{ digest: string; content: AsyncIterable<Buffer> }>;
}

/** An index lists indexes at most this deep: BuildKit's archives have an index in an index. */
const MAX_DEPTH = 4;

/**
 * Finds the image that is asked for.
 *
 * @throws {ToolError} when there is no such image, and for documents that are damaged.
 */
export async function findStoredImage(store: ContentStore, choice: ImageChoice): Promise<StoredImage> {
  const { name } = choice;
  const manifest = await findManifest(store, choice);
  const config = readImageConfig(await readBlob(store, manifest.config, name), name);
  const { diffIds } = config.facts;
  if (diffIds.length !== manifest.layers.length) {
    throw new ToolError(
      `${name} is damaged: its manifest has ${manifest.layers.length} layers, its configuration ${diffIds.length}.`,
    );
  }
  const layers = manifest.layers.map((blob, index): StoredLayer => {
    // Its place is a URL beside the registry. Only Windows' base images were made so.
    if (/foreign|nondistributable/.test(blob.mediaType ?? ''))
      throw new ToolError(`${name} has layers that are not in its registry.`);
    const isCompressed = /[.+](gzip|zstd)$/.test(blob.mediaType ?? '');
    return { key: blob.digest, diffId: diffIds[index] ?? '', blobBytes: isCompressed ? blob.size : null };
  });
  return {
    ...config,
    name,
    layers,
    async *open(keys) {
      const blobs = manifest.layers.filter(({ digest }) => keys.includes(digest));
      for await (const { digest, content } of store.blobs(blobs)) yield { key: digest, content };
    },
  };
}

async function findManifest(store: ContentStore, choice: ImageChoice): Promise<ManifestDocument> {
  let digest: string | undefined;
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    const document = readManifest((await store.manifest(digest)).bytes, choice.name);
    if ('layers' in document) return document;
    digest = choosePlatform(document.manifests, choice).digest;
  }
  throw new ToolError(`${choice.name} is damaged: its index lists indexes without end.`);
}

async function readBlob(store: ContentStore, blob: Descriptor, name: string): Promise<Buffer> {
  if (blob.size > MAX_DOCUMENT_BYTES)
    throw new ToolError(`The configuration of ${name} has ${blob.size} bytes: it is not one.`);
  for await (const { content } of store.blobs([blob])) return buffer(content);
  throw new ToolError(`${name} is damaged: it lacks its configuration ${blob.digest}.`);
}

/**
 * Passes on a content, and fails when it is not what `blob` names.
 *
 * @throws {ToolError} at its end for another digest or a content that is too short, and at once for one that is too long.
 */
export async function* verifyBlob(
  content: AsyncIterable<Buffer>,
  { digest, size }: Blob,
  name: string,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > size) break;
    hash.update(chunk);
    yield chunk;
  }
  if (bytes !== size)
    throw new ToolError(`${name} is damaged: ${digest} has ${bytes > size ? 'more' : 'less'} than its ${size} bytes.`);
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== digest) throw new ToolError(`${name} is damaged: what it calls ${digest} is ${actual}.`);
}
