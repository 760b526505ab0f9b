import { buffer } from 'node:stream/consumers';
import { sha256 } from '../../lib/digest.ts';
import { ToolError } from '../../lib/errors.ts';
import { MAX_DOCUMENT_BYTES } from '../../registry/image-format.ts';
import { choosePlatform, chooseTag } from './choose-platform.ts';
import { type Blob, damaged, type ManifestDocument, readImageConfig, readManifest } from './image-documents.ts';
import type { ImageChoice, StoredImage, StoredLayer } from './stored-image.ts';

/** A place that has manifests and blobs by their digests: a registry, an OCI layout, an archive of one. */
export interface ContentStore {
  /** Whether it may have several images, which its index names. That of a registry is of one image. */
  hasNames: boolean;
  /** The document of this digest, undefined when there is none; without a digest, the one that the image's name means. */
  manifest(digest?: string): Promise<Buffer | undefined>;
  /**
   * The contents of those blobs that are there, in any order, each to be read to its end before the next one. A content
   * fails at its end when it is not what its digest names, and as soon as it is longer than its size.
   */
  blobs(descriptors: Blob[]): AsyncIterable<{ digest: string; content: AsyncIterable<Buffer> }>;
}

/** An index lists indexes at most this deep: BuildKit's archives have an index in an index. */
const MAX_DEPTH = 4;

/**
 * Finds the image that is asked for. Everything that is read of it has the digest that its manifest names.
 *
 * @throws {ToolError} when there is no such image, and for documents that are damaged.
 */
export async function findStoredImage(store: ContentStore, choice: ImageChoice): Promise<StoredImage> {
  const { name } = choice;
  const manifest = await findManifest(store, choice);
  const config = readImageConfig(await readDocument(store, manifest.config, name), name, manifest.layers.length);
  const layers = manifest.layers.map((blob, index): StoredLayer => {
    // Its place is a URL beside the registry. Only Windows' base images were made so.
    if (/foreign|nondistributable/.test(blob.mediaType ?? ''))
      throw new ToolError(`${name} has layers that are not in its registry.`);
    const isCompressed = /[.+](gzip|zstd)$/.test(blob.mediaType ?? '');
    return { key: blob.digest, diffId: config.facts.diffIds[index] ?? '', blobBytes: isCompressed ? blob.size : null };
  });
  // The same blob may be several layers.
  const blobs = new Map(manifest.layers.map((blob) => [blob.digest, blob]));
  return {
    ...config,
    name,
    layers,
    async *open(keys) {
      const missing = keys.flatMap((key) => blobs.get(key) ?? []);
      for await (const { digest, content } of store.blobs(missing)) yield { key: digest, content };
    },
  };
}

async function findManifest(store: ContentStore, choice: ImageChoice): Promise<ManifestDocument> {
  const { name } = choice;
  let digest: string | undefined;
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    const bytes = await store.manifest(digest);
    if (!bytes) throw damaged(name, `it lacks ${digest ?? 'its index'}`);
    if (digest !== undefined && sha256(bytes) !== digest)
      throw damaged(name, `${digest} has the digest ${sha256(bytes)}`);
    const document = readManifest(bytes, name);
    if ('layers' in document) return document;
    // Only the outermost index has the names of images.
    const images = store.hasNames && depth === 0 ? chooseTag(document.manifests, choice) : document.manifests;
    digest = choosePlatform(images, choice).digest;
  }
  throw damaged(name, 'its index lists indexes without end');
}

async function readDocument(store: ContentStore, blob: Blob, name: string): Promise<Buffer> {
  if (blob.size > MAX_DOCUMENT_BYTES)
    throw new ToolError(`The configuration of ${name} has ${blob.size} bytes: it is not one.`);
  for await (const { content } of store.blobs([blob])) return buffer(content);
  throw damaged(name, `it lacks its configuration ${blob.digest}`);
}
