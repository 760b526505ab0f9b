import { createReadStream } from 'node:fs';
import { lstat, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ToolError } from '../../lib/errors.ts';
import { type ContentStore, verifyBlob } from './content-store.ts';
import { type Blob, MAX_DOCUMENT_BYTES, sha256 } from './image-documents.ts';

/** An OCI layout in a directory: https://github.com/opencontainers/image-spec/blob/main/image-layout.md */
export function openLayoutDirectory(directory: string, name: string): ContentStore {
  /** The file of a blob: one that a link leads to may be anything, and is not read. */
  const findBlob = async (digest: string) => {
    const path = join(directory, 'blobs', ...digest.split(':'));
    const stats = await lstat(path).catch(() => null);
    if (!stats?.isFile()) throw new ToolError(`${name} is damaged: it lacks ${digest}.`);
    return { path, size: stats.size };
  };
  const readDocument = async (path: string) => {
    const { size } = await stat(path);
    if (size > MAX_DOCUMENT_BYTES) throw new ToolError(`${path} has ${size} bytes: it is not a manifest.`);
    return readFile(path);
  };
  return {
    async manifest(digest) {
      if (digest === undefined) return { bytes: await readDocument(join(directory, INDEX)) };
      const bytes = await readDocument((await findBlob(digest)).path);
      if (sha256(bytes) !== digest)
        throw new ToolError(`${name} is damaged: what it calls ${digest} is ${sha256(bytes)}.`);
      return { bytes };
    },
    async *blobs(blobs: Blob[]) {
      for (const blob of blobs) {
        const { path } = await findBlob(blob.digest);
        yield { digest: blob.digest, content: verifyBlob(createReadStream(path), blob, name) };
      }
    },
  };
}

/** The file of a layout that lists its images. */
export const INDEX = 'index.json';

/** Whether a directory is an OCI layout. */
export const isLayoutDirectory = async (directory: string) =>
  (await lstat(join(directory, INDEX)).catch(() => null))?.isFile() === true;
