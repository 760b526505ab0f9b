import { createReadStream } from 'node:fs';
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ToolError } from '../../lib/errors.ts';
import { MAX_DOCUMENT_BYTES } from '../../registry/image-format.ts';
import type { ContentStore } from './content-store.ts';
import { verifyBlob } from './image-documents.ts';

/** The file of a layout that lists its images. */
export const INDEX = 'index.json';

/** Where a layout has the blob of a digest. */
export const blobPath = (digest: string) => `blobs/${digest.replace(':', '/')}`;

/** An OCI layout in a directory: https://github.com/opencontainers/image-spec/blob/main/image-layout.md */
export function openLayoutDirectory(directory: string, name: string): ContentStore {
  /** A link may lead to anything: it is not followed. */
  const findFile = async (relativePath: string) => {
    const path = join(directory, relativePath);
    const stats = await lstat(path).catch(() => null);
    return stats?.isFile() ? { path, size: stats.size } : undefined;
  };
  return {
    hasNames: true,
    async manifest(digest) {
      const file = await findFile(digest === undefined ? INDEX : blobPath(digest));
      if (file && file.size > MAX_DOCUMENT_BYTES)
        throw new ToolError(`${file.path} has ${file.size} bytes: it is not a manifest.`);
      return file && readFile(file.path);
    },
    async *blobs(blobs) {
      for (const blob of blobs) {
        const file = await findFile(blobPath(blob.digest));
        if (file) yield { digest: blob.digest, content: verifyBlob(createReadStream(file.path), blob, name) };
      }
    },
  };
}

/** Whether a directory is an OCI layout. */
export const isLayoutDirectory = async (directory: string) =>
  (await lstat(join(directory, INDEX)).catch(() => null))?.isFile() === true;
