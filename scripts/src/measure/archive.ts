import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { z } from 'zod';
import { ToolError } from '../errors.ts';
import { GzipSize } from './gzip-size.ts';

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

/** An image's configuration, as far as its layers go. */
export interface ImageConfig {
  diffIds: string[];
  /** The instruction that made each layer, or null where the configuration does not say. */
  instructions: (string | null)[];
}

/** The layers that need no second look. */
export interface KnownLayers {
  /** By diff id or, where a layer came compressed, by the digest of its blob. */
  byDigest(digest: string): Layer | undefined;
  /** Whether a known layer's tar has this many bytes. */
  hasTarBytes(bytes: number): boolean;
}

/** Smaller layers are measured again rather than guessed to be known. */
const ALWAYS_MEASURE_BYTES = 1 << 20;
/** Manifests and configurations are small: anything larger is not one. */
const MAX_JSON_BYTES = 16 << 20;

const configFile = z.object({
  rootfs: z.object({ diff_ids: z.array(z.string()) }),
  history: z.array(z.object({ created_by: z.string().optional(), empty_layer: z.boolean().optional() })).nullish(),
});

/**
 * Reads an archive as engines save it: Docker's legacy form (`…/layer.tar`), the OCI layout with plain, gzip or zstd
 * blobs, and Podman's. What an entry is follows from its first bytes, not from its name.
 *
 * Known layers are passed over. In the legacy form a large one is recognised by the size of its tar and then by its hash:
 * if only the size fits, it is missing from the result, and the caller asks again without `known`.
 *
 * @throws {ToolError} when the archive is damaged.
 */
export async function readArchive(
  archive: Readable,
  known: KnownLayers,
  options: { signal?: AbortSignal; onBytes?: (bytes: number) => void } = {},
): Promise<{ layers: Layer[]; configs: ImageConfig[] }> {
  const entries = extract();
  const source = pipeline(archive, entries, { signal: options.signal });
  source.catch(() => {}); // Reported below: the loop over the entries fails with it.

  const layers: Layer[] = [];
  const configs: ImageConfig[] = [];
  try {
    for await (const entry of entries) {
      options.onBytes?.(entry.header.size ?? 0);
      const digest = digestInName(entry.header.name);
      if (entry.header.type !== 'file' || (digest && known.byDigest(digest))) {
        entry.resume();
        continue;
      }
      const chunks = entry[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      const head = await firstBytes(chunks);
      const content = joined(head, chunks);
      if (head[0] === 0x7b) {
        const config = readConfig(await readSmall(content, entry.header.size ?? 0));
        if (config) configs.push(config);
      } else if (looksLikeTar(head) || isCompressed(head)) {
        const layer = await readLayer(content, head, entry.header, known);
        if (layer) layers.push(digest && digest !== layer.diffId ? { ...layer, blob: digest } : layer);
      } else {
        for await (const _ of content) {
          // Neither JSON nor a layer: such as the file that names the layout's version.
        }
      }
    }
    await source;
  } catch (error) {
    options.signal?.throwIfAborted();
    // The program that wrote the archive knows better than the reader why it broke off.
    const cause = await source.then(
      () => error,
      (reason) => (reason instanceof ToolError ? reason : error),
    );
    if (cause instanceof ToolError) throw cause;
    throw new ToolError(`The archive that the engine saved cannot be read: ${(cause as Error).message}`);
  }
  return { layers, configs };
}

/** Measures one layer, or returns null when it looked like a known one by its size, but is not. */
async function readLayer(
  content: AsyncIterable<Buffer>,
  head: Buffer,
  header: Header,
  known: KnownLayers,
): Promise<Layer | null> {
  const hash = createHash('sha256');
  const size = header.size ?? 0;
  if (looksLikeTar(head) && size > ALWAYS_MEASURE_BYTES && known.hasTarBytes(size)) {
    for await (const chunk of content) hash.update(chunk);
    return known.byDigest(`sha256:${hash.digest('hex')}`) ?? null;
  }

  const gzip = new GzipSize();
  const files = fileCounter();
  let tarBytes = 0;
  for await (const chunk of decompressed(content, head)) {
    hash.update(chunk);
    tarBytes += chunk.length;
    await Promise.all([gzip.write(chunk), files.write(chunk)]);
  }
  const [pullBytes, bytes] = await Promise.all([gzip.end(), files.end()]);
  return { diffId: `sha256:${hash.digest('hex')}`, tarBytes, bytes, pullBytes };
}

/** Adds up the regular files in a tar. A hard link adds nothing: its bytes are those of the file that it links to. */
function fileCounter() {
  const entries = extract();
  let bytes = 0;
  entries.on('entry', (header, stream, next) => {
    if (header.type === 'file' || header.type === 'contiguous-file') bytes += header.size ?? 0;
    stream.on('end', next);
    stream.resume();
  });
  const failed = once(entries, 'error').then(([error]) => Promise.reject(error));
  const finished = once(entries, 'finish').then(() => bytes);
  for (const promise of [failed, finished]) promise.catch(() => {});
  return {
    async write(chunk: Buffer): Promise<void> {
      if (!entries.write(chunk)) await Promise.race([once(entries, 'drain'), failed]);
    },
    end(): Promise<number> {
      entries.end(null);
      return Promise.race([finished, failed]);
    },
  };
}

async function* decompressed(content: AsyncIterable<Buffer>, head: Buffer): AsyncGenerator<Buffer> {
  if (!isCompressed(head)) {
    yield* content;
    return;
  }
  const unpack = isGzip(head) ? zlib.createGunzip() : createZstdDecompress();
  const source = pipeline(Readable.from(content, { objectMode: false }), unpack);
  source.catch(() => {}); // Reported by the loop over what it unpacks.
  yield* unpack;
  await source;
}

function createZstdDecompress() {
  // In Node since 22.15: https://nodejs.org/api/zlib.html#zlibcreatezstddecompressoptions
  if (!('createZstdDecompress' in zlib)) {
    throw new ToolError('The image has layers that are compressed with zstd, which Node can read since 22.15.', {
      hint: `This is Node ${process.version}. Run compare with a newer one.`,
    });
  }
  return zlib.createZstdDecompress({});
}

const isGzip = (head: Buffer) => head[0] === 0x1f && head[1] === 0x8b;
const isZstd = (head: Buffer) => head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528;
const isCompressed = (head: Buffer) => isGzip(head) || isZstd(head);
/** The magic of a tar header, or the zeros that an empty tar consists of. */
const looksLikeTar = (head: Buffer) =>
  head.length >= 512 && (head.toString('latin1', 257, 262) === 'ustar' || head.subarray(0, 512).every((byte) => !byte));

async function firstBytes(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 512) {
    const { value, done } = await chunks.next();
    if (done) break;
    head = head.length === 0 ? value : Buffer.concat([head, value]);
  }
  return head;
}

async function* joined(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* { [Symbol.asyncIterator]: () => rest };
}

async function readSmall(content: AsyncIterable<Buffer>, size: number): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) if (size <= MAX_JSON_BYTES) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** An image configuration, or null for the other JSON files of an archive. */
function readConfig(text: string): ImageConfig | null {
  let parsed: ReturnType<typeof configFile.safeParse>;
  try {
    parsed = configFile.safeParse(JSON.parse(text));
  } catch {
    return null;
  }
  if (!parsed.success) return null;
  const diffIds = parsed.data.rootfs.diff_ids;
  const made = (parsed.data.history ?? []).filter(({ empty_layer }) => !empty_layer);
  const instructions = diffIds.map((_, index) =>
    made.length === diffIds.length ? instructionText(made[index]?.created_by ?? '') : null,
  );
  return { diffIds, instructions };
}

/** An instruction as it stands in a Dockerfile, without what builders put around it. */
function instructionText(createdBy: string): string | null {
  const text = createdBy
    .replace(/^\/bin\/sh -c #\(nop\) +/, '')
    .replace(/^RUN (\|\d+ .*?)?\/bin\/sh -c /, 'RUN ')
    .replace(/^\/bin\/sh -c /, 'RUN ')
    .replace(/ # buildkit$/, '')
    .trim();
  return text || null;
}

/** The digest that the file names of OCI layouts and of Podman's archives carry. */
function digestInName(name: string): string | null {
  const hex = /^(?:blobs\/sha256\/)?([0-9a-f]{64})(?:\.tar)?$/.exec(name)?.[1];
  return hex ? `sha256:${hex}` : null;
}
