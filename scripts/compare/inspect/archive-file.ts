import { createReadStream } from 'node:fs';
import { posix } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { ToolError } from '../../lib/errors.ts';
import { parseJson } from '../../lib/parse-json.ts';
import { MAX_DOCUMENT_BYTES } from '../../registry/image-format.ts';
import { missingName, severalNames } from './choose-platform.ts';
import { type ContentStore, findStoredImage } from './content-store.ts';
import { damaged, readImageConfig, verifyBlob } from './image-documents.ts';
import { blobPath, INDEX } from './layout-directory.ts';
import { peek } from './read-archive.ts';
import type { ImageChoice, StoredImage, StoredLayer } from './stored-image.ts';
import { tarEntries } from './tar-entries.ts';
import { unpack } from './unpack.ts';

/** The legacy form has four entries for each layer; an image has at most 127 layers. */
const MAX_ENTRIES = 20_000;
/** Of an entry's path and of what it links to: twice the longest path that Linux accepts (PATH_MAX). */
const MAX_NAMES_LENGTH = 8192;
/** All documents of an archive are in memory at the same time. */
const MAX_DOCUMENTS_BYTES = 64 << 20;
const LAYER_DIRECTORY = /\/layer\.tar$/;

const manifestList = z
  .array(z.object({ Config: z.string(), RepoTags: z.array(z.string()).nullish(), Layers: z.array(z.string()) }))
  .min(1);

/** An archive on this machine. It is read twice, because its entries come in any order, and nothing is written to the disk. */
interface Archive {
  path: string;
  name: string;
  /** The JSON documents by the names of their entries. */
  documents: Map<string, Buffer>;
  /** Where the symbolic links lead to: Docker 20.10 saves a layer once. */
  links: Map<string, string>;
  /** The bytes of all files. */
  sizes: Map<string, number>;
  signal: AbortSignal;
}

/**
 * Finds an image in an archive, as `docker save`, Podman, Skopeo and BuildKit write it: Docker's own form or an OCI layout,
 * plain or compressed as a whole.
 *
 * @throws {ToolError} when it is not such an archive, is damaged, or lacks the image.
 */
export async function openArchiveFile(path: string, choice: ImageChoice, signal: AbortSignal): Promise<StoredImage> {
  const archive: Archive = {
    path,
    name: choice.name,
    documents: new Map(),
    links: new Map(),
    sizes: new Map(),
    signal,
  };
  await readDocuments(archive);
  const file = { path, form: archive.documents.has(MANIFEST) ? ('docker-archive' as const) : ('oci-archive' as const) };
  if (hasImages(archive.documents.get(INDEX)))
    return { ...(await findStoredImage(openArchivedLayout(archive), choice)), file };
  const { data: list } = manifestList.safeParse(parseDocument(archive, MANIFEST));
  if (list) return { ...findDockerImage(archive, list, choice), file };
  throw new ToolError(`${choice.name} is not the archive of an image.`, {
    hint: `It has neither ${INDEX} nor ${MANIFEST}. To save an image: docker save --output FILE NAME (not docker export).`,
  });
}

const MANIFEST = 'manifest.json';

const parseDocument = ({ documents }: Archive, name: string) => parseJson(documents.get(name)?.toString('utf8') ?? '');

/** Whether an index names images. Docker 25 and later write both forms; an archive of several images may lack one. */
function hasImages(index?: Buffer): boolean {
  const document = parseJson(index?.toString('utf8') ?? '');
  return z.object({ manifests: z.array(z.unknown()).min(1) }).safeParse(document).success;
}

/** Reads an archive once, entry by entry, whatever it is compressed with. */
function readEntries(archive: Archive) {
  async function* entries() {
    let count = 0;
    const { head, content } = await peek(createReadStream(archive.path));
    for await (const entry of tarEntries(unpack(content, head), archive.signal)) {
      count += 1;
      if (count > MAX_ENTRIES) throw new Error(`it has more than ${MAX_ENTRIES} entries`);
      const { name: path, linkname } = entry.header;
      // All names are in memory. An extended header may have megabytes.
      if (path.length + (linkname?.length ?? 0) > MAX_NAMES_LENGTH) throw new Error('the name of an entry is too long');
      const name = posix.normalize(entry.header.name);
      yield { ...entry, name, content: describeErrors(archive, entry.content) };
    }
  }
  return describeErrors(archive, entries());
}

/** Passes on what is read of an archive, and its errors with the name of the archive. */
async function* describeErrors<T>({ name, signal }: Archive, source: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* source;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ToolError) throw error;
    // tar-stream proposes gunzip, which is not necessary.
    const isTar = !/^Invalid tar header/.test((error as Error).message);
    const problem = isTar ? (error as Error).message : 'it is not a tar, or it is damaged.';
    const hint = isTar ? undefined : 'Expected a tar, plain or compressed with gzip or zstd.';
    throw new ToolError(`${name} cannot be read: ${problem}`, { hint });
  }
}

async function readDocuments(archive: Archive): Promise<void> {
  let bytes = 0;
  for await (const { header, name, content, skip } of readEntries(archive)) {
    const { type, size = 0, linkname } = header;
    if (type === 'file') archive.sizes.set(name, size);
    if (type === 'symlink' && linkname) archive.links.set(name, posix.join(posix.dirname(name), linkname));
    const mayBeDocument = type === 'file' && size <= MAX_DOCUMENT_BYTES && !LAYER_DIRECTORY.test(name);
    if (!mayBeDocument) {
      skip();
      continue;
    }
    const document = await buffer(content);
    if (!/^[{[]/.test(document.toString('latin1', 0, 1))) continue;
    bytes += size;
    if (bytes > MAX_DOCUMENTS_BYTES)
      throw new ToolError(`${archive.name} has more than ${MAX_DOCUMENTS_BYTES} bytes of JSON.`);
    archive.documents.set(name, document);
  }
}

/** The contents of entries, each once. */
async function* openEntries(archive: Archive, names: string[]) {
  const missing = new Set(names);
  for await (const { header, name, content, skip } of readEntries(archive)) {
    if (header.type === 'file' && missing.delete(name)) yield { name, content };
    else skip();
  }
}

/** An OCI layout in an archive. */
function openArchivedLayout(archive: Archive): ContentStore {
  return {
    hasNames: true,
    manifest: async (digest) => archive.documents.get(digest === undefined ? INDEX : blobPath(digest)),
    async *blobs(blobs) {
      const byName = new Map(blobs.map((blob) => [blobPath(blob.digest), blob]));
      for await (const entry of openEntries(archive, [...byName.keys()])) {
        const blob = byName.get(entry.name);
        if (blob) yield { digest: blob.digest, content: verifyBlob(entry.content, blob, archive.name) };
      }
    },
  };
}

/** Finds an image in Docker's own form, whose manifest names entries. */
function findDockerImage(archive: Archive, list: z.infer<typeof manifestList>, choice: ImageChoice): StoredImage {
  const { name } = archive;
  const names = list.flatMap(({ RepoTags }) => RepoTags ?? []);
  const found = choice.tag === undefined ? list : list.filter(({ RepoTags }) => RepoTags?.includes(choice.tag ?? ''));
  const [image] = found;
  if (!image) throw missingName(name, choice.tag ?? '', names);
  if (found.length > 1) throw severalNames(name, names);
  const resolve = (entry: string) => archive.links.get(posix.normalize(entry)) ?? posix.normalize(entry);
  const bytes = archive.documents.get(resolve(image.Config));
  if (!bytes) throw damaged(name, `it lacks ${image.Config}`);
  const config = readImageConfig(bytes, name, image.Layers.length);
  return {
    ...config,
    name,
    layers: image.Layers.map((entry, index): StoredLayer => {
      // Docker and Podman write plain layers; tools that push images themselves, such as Jib, write gzip.
      const blobBytes = entry.endsWith('.gz') ? (archive.sizes.get(resolve(entry)) ?? null) : null;
      return { key: resolve(entry), diffId: config.facts.diffIds[index] ?? '', blobBytes };
    }),
    async *open(keys) {
      for await (const entry of openEntries(archive, keys)) yield { key: entry.name, content: entry.content };
    },
  };
}
