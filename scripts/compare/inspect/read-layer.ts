import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { Header } from 'tar-stream';
import { ToolError } from '../../lib/errors.ts';
import { bytesToRead, readNote } from './file-notes.ts';
import { createNodeVersionFinder, type NodeVersionFinder } from './find-node-version.ts';
import { createGzipCounter } from './gzip-counter.ts';
import { BEGINNING_BYTES, hashBeginning } from './known-layers.ts';
import type { Layer, LayerFile } from './layer.ts';
import { requireFewPackages } from './package-databases.ts';
import { tarEntries } from './tar-entries.ts';
import { unpack } from './unpack.ts';

/** More than any real layer has: a hostile one must not fill our memory. */
const MAX_ENTRIES = 500_000;
const MAX_PATH_BYTES = 32 << 20;
/** The longest path that Linux accepts (PATH_MAX). */
const MAX_PATH_LENGTH = 4096;

/** How much of a content's sha256 is kept: the digests of all files are in memory and in the cache. */
const DIGEST_BYTES = 16;

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
const KINDS: Partial<Record<Header['type'], LayerFile['kind']>> = {
  file: 'file',
  'contiguous-file': 'file',
  link: 'link',
  symlink: 'symlink',
  directory: 'directory',
};

/**
 * Measures one layer from its blob, plain or compressed. `head` is how the blob begins.
 *
 * @throws an Error for a damaged blob, a ToolError for one that no engine would unpack.
 */
export async function readLayer(blob: AsyncIterable<Buffer>, head: Buffer): Promise<Layer> {
  const hash = createHash('sha256');
  const gzip = createGzipCounter();
  const beginning: Buffer[] = [];
  let tarBytes = 0;
  async function* countedTar() {
    for await (const chunk of unpack(blob, head)) {
      hash.update(chunk);
      if (tarBytes < BEGINNING_BYTES) beginning.push(chunk);
      tarBytes += chunk.length;
      await gzip.write(chunk);
      yield chunk;
    }
  }
  const files = await readFiles(countedTar());
  return {
    diffId: `sha256:${hash.digest('hex')}`,
    beginning: hashBeginning(Buffer.concat(beginning)),
    tarBytes,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    pullBytes: await gzip.end(),
    files,
  };
}

async function readFiles(tar: AsyncIterable<Buffer>): Promise<LayerFile[]> {
  const files: LayerFile[] = [];
  let pathBytes = 0;
  let osPackages = 0;
  for await (const entry of tarEntries(tar)) {
    const file = readHeader(entry.header);
    pathBytes += (file?.path.length ?? 0) + (file?.target?.length ?? 0);
    if (files.length >= MAX_ENTRIES || pathBytes > MAX_PATH_BYTES) {
      throw new ToolError(`A layer has more than ${MAX_ENTRIES} files, or paths of more than ${MAX_PATH_BYTES} bytes.`);
    }
    if (file) files.push(file);
    if (file && file.bytes > 0) {
      const length = bytesToRead(file.path, file.bytes);
      const finder = createNodeVersionFinder(file.path);
      const { beginning, digest } = await readContent(entry.content, length, finder);
      const version = finder?.end();
      file.digest = digest;
      if (length > 0) file.note = version === undefined ? readNote(file.path, beginning) : { type: 'node', version };
      if (file.note?.type === 'osPackages') osPackages += file.note.packages.length;
      requireFewPackages(osPackages);
    } else {
      entry.skip();
    }
  }
  return files;
}

/** Reads a content to its end, and returns its first bytes and its digest. */
async function readContent(content: AsyncIterable<Buffer>, length: number, finder?: NodeVersionFinder) {
  const hash = createHash('sha256');
  const chunks: Buffer[] = [];
  let kept = 0;
  for await (const chunk of content) {
    hash.update(chunk);
    finder?.write(chunk);
    if (kept >= length) continue;
    chunks.push(chunk.subarray(0, length - kept));
    kept += chunk.length;
  }
  return { beginning: Buffer.concat(chunks), digest: hash.digest().toString('base64url', 0, DIGEST_BYTES) };
}

/** The entry of a layer that a tar header describes, or null for the root itself and for metadata. */
function readHeader({ name, type, size, linkname, mode, uid, gid }: Header): LayerFile | null {
  const path = normalPath(name);
  const base = posix.basename(path);
  const entry = { path, bytes: 0, mode: (mode ?? 0) & 0o7777, uid: uid ?? 0, gid: gid ?? 0 };

  // https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts
  if (base === OPAQUE) return { ...entry, path: posix.dirname(`/${path}`).slice(1), kind: 'opaque' };
  // The second kind is metadata of AUFS.
  if (path === '' || base.startsWith(WHITEOUT + WHITEOUT)) return null;
  if (base.startsWith(WHITEOUT)) {
    return { ...entry, path: path.slice(0, -base.length) + base.slice(WHITEOUT.length), kind: 'whiteout' };
  }
  const kind = KINDS[type] ?? 'other';
  if (kind === 'link') return { ...entry, kind, target: normalPath(linkname ?? '') };
  if (kind === 'symlink') return { ...entry, kind, target: (linkname ?? '').slice(0, MAX_PATH_LENGTH) };
  return { ...entry, kind, bytes: kind === 'file' ? size : 0 };
}

/** `./a//b/` is `a/b`. Engines refuse a layer that leaves its root, and so do we. */
function normalPath(name: string): string {
  if (name.length > MAX_PATH_LENGTH) throw new ToolError('A layer has a path that is longer than Linux allows.');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new ToolError(`A layer has a path that leaves the image: ${JSON.stringify(name)}`);
  return parts.join('/');
}
