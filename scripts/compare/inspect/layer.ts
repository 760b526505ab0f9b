import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { extract, type Header } from 'tar-stream';
import { ToolError } from '../../lib/errors.ts';
import { bytesToRead, readNote } from './file-notes.ts';
import { GzipSize } from './gzip-size.ts';
import type { LayerFile, LayerFiles, Note } from './layer-files.ts';
import { unpack } from './unpack.ts';

/** What is measured about one layer. */
export interface Layer {
  /** sha256 of the uncompressed tar, with the prefix `sha256:`. */
  diffId: string;
  /** Bytes of the uncompressed tar. */
  tarBytes: number;
  /** Bytes of all regular files in it. */
  bytes: number;
  /** Bytes of the tar as gzip. */
  pullBytes: number;
  /** The digest of the compressed blob, where the archive holds the layer compressed. */
  blob?: string;
}

/** More than any image has that people build: what an archive claims must not fill our memory. */
const MAX_ENTRIES = 500_000;
const MAX_PATH_BYTES = 32 << 20;
/** The longest path that Linux takes (PATH_MAX). */
const MAX_PATH_LENGTH = 4096;

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/**
 * Measures one layer from its blob, plain or compressed. `head` is how the blob begins.
 *
 * @throws an Error for a damaged blob, a ToolError for one that no engine would unpack.
 */
export async function readLayer(
  content: AsyncIterable<Buffer>,
  head: Buffer,
): Promise<{ layer: Layer; files: LayerFiles }> {
  const hash = createHash('sha256');
  const gzip = new GzipSize();
  const reader = filesReader();
  let tarBytes = 0;
  for await (const chunk of unpack(content, head)) {
    hash.update(chunk);
    tarBytes += chunk.length;
    await Promise.all([gzip.write(chunk), reader.write(chunk)]);
  }
  const [pullBytes, files] = await Promise.all([gzip.end(), reader.end()]);
  const bytes = files.files.reduce((sum, file) => sum + file.bytes, 0);
  return { layer: { diffId: `sha256:${hash.digest('hex')}`, tarBytes, bytes, pullBytes }, files };
}

/** Reads a tar's entries, and of their contents no more than `bytesToRead` wants. */
function filesReader() {
  const entries = extract();
  const files: LayerFile[] = [];
  const notes = new Map<string, Note>();
  let pathBytes = 0;

  entries.on('entry', (header, stream, next) => {
    const file = readEntry(header);
    // tar-stream never ends the content of a folder that claims to have one.
    if (header.type === 'directory') queueMicrotask(next);
    else stream.on('end', next);
    stream.on('error', () => {}); // Reported by the tar, whose end it shares.
    if (file instanceof Error) {
      entries.destroy(file);
      return;
    }
    pathBytes += (file?.path.length ?? 0) + (file?.target?.length ?? 0);
    if (files.length >= MAX_ENTRIES || pathBytes > MAX_PATH_BYTES) {
      entries.destroy(
        new ToolError(`A layer has more than ${MAX_ENTRIES} files, or paths of more than ${MAX_PATH_BYTES} bytes.`),
      );
      return;
    }
    if (file) files.push(file);
    const wanted = file?.kind === 'file' ? bytesToRead(file.path, file.bytes) : 0;
    if (!file || wanted === 0) {
      stream.resume();
      return;
    }
    const chunks: Buffer[] = [];
    let kept = 0;
    stream.on('data', (data) => {
      if (kept >= wanted) return;
      const chunk = data as Buffer;
      chunks.push(chunk.subarray(0, wanted - kept));
      kept += chunk.length;
    });
    stream.on('end', () => {
      const note = readNote(file.path, Buffer.concat(chunks));
      // Of two entries with one path the later one counts.
      if (note) notes.set(file.path, note);
      else notes.delete(file.path);
    });
  });

  const failed = once(entries, 'error').then(([error]) => Promise.reject(error));
  const finished = once(entries, 'finish').then(() => ({ files, notes }));
  for (const promise of [failed, finished]) promise.catch(() => {});
  return {
    async write(chunk: Buffer): Promise<void> {
      if (!entries.write(chunk)) await Promise.race([once(entries, 'drain'), failed]);
    },
    end(): Promise<LayerFiles> {
      entries.end(null);
      return Promise.race([finished, failed]);
    },
  };
}

/** An entry as we keep it; null for one that says nothing; an Error for one that leaves the image. */
function readEntry(header: Header): LayerFile | null | Error {
  if (!hasSize(header)) return new Error('an entry in a layer has no valid size');
  const path = normalPath(header.name);
  if (path instanceof Error) return path;
  if (path === '') return null; // The root itself.
  const { mode = 0, uid = 0, gid = 0 } = header;
  const owner = { mode: mode & 0o7777, uid: uid ?? 0, gid: gid ?? 0 };
  const slash = path.lastIndexOf('/');
  const name = path.slice(slash + 1);

  // https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts
  if (name === OPAQUE) return { path: path.slice(0, Math.max(slash, 0)), kind: 'opaque', bytes: 0, ...owner };
  if (name.startsWith(`${WHITEOUT}${WHITEOUT}`)) return null; // Notes that AUFS keeps for itself.
  if (name.startsWith(WHITEOUT)) {
    return { path: path.slice(0, slash + 1) + name.slice(WHITEOUT.length), kind: 'whiteout', bytes: 0, ...owner };
  }
  switch (header.type) {
    case 'file':
    case 'contiguous-file':
      return { path, kind: 'file', bytes: header.size ?? 0, ...owner };
    case 'link': {
      const target = normalPath(header.linkname ?? '');
      return target instanceof Error ? target : { path, kind: 'link', bytes: 0, ...owner, target };
    }
    case 'symlink':
      return { path, kind: 'symlink', bytes: 0, ...owner, target: (header.linkname ?? '').slice(0, MAX_PATH_LENGTH) };
    case 'directory':
      return { path, kind: 'directory', bytes: 0, ...owner };
    default:
      return { path, kind: 'other', bytes: 0, ...owner };
  }
}

/** tar-stream waits for ever for the content of an entry whose size is no number. */
export const hasSize = ({ size }: Header) => Number.isSafeInteger(size) && (size as number) >= 0;

/** `./a//b/` is `a/b`. Engines refuse a layer that leaves its root, and so do we. */
function normalPath(name: string): string | ToolError {
  if (name.length > MAX_PATH_LENGTH) return new ToolError('A layer has a path that is longer than Linux allows.');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return new ToolError(`A layer has a path that leaves the image: ${JSON.stringify(name)}`);
  return parts.join('/');
}
