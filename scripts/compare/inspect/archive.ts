import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { z } from 'zod';
import { ToolError } from '../../lib/errors.ts';
import { instructionText } from './instruction.ts';
import { hasSize, type Layer, readLayer } from './layer.ts';
import type { LayerFiles } from './layer-files.ts';
import { isCompressed } from './unpack.ts';

/** An image's configuration, as far as its layers go. */
export interface ImageConfig {
  diffIds: string[];
  /** The instruction that made each layer, or null where the configuration does not say. */
  instructions: (string | null)[];
}

/** Where measured layers go, and which ones need no second look. */
export interface LayerStore {
  /** Whether a layer is known, by diff id or, where it came compressed, by the digest of its blob. */
  has(digest: string): boolean;
  /** Whether a known layer's tar has this many bytes. */
  hasTarBytes(bytes: number): boolean;
  add(layer: Layer, files: LayerFiles): Promise<void>;
}

/** Smaller layers are measured again rather than guessed to be known. */
const ALWAYS_MEASURE_BYTES = 1 << 20;
/** Manifests and configurations are small: anything larger is not one. */
const MAX_JSON_BYTES = 16 << 20;
/** Four for each layer in the legacy form; an image has at most 127. */
const MAX_ENTRIES = 20_000;
/** The files of all layers are in memory together. */
const MAX_FILES = 1_000_000;

const configFile = z.object({
  rootfs: z.object({ diff_ids: z.array(z.string()) }),
  history: z.array(z.object({ created_by: z.string().optional(), empty_layer: z.boolean().optional() })).nullish(),
});

/**
 * Reads an archive as engines save it: Docker's legacy form (`…/layer.tar`), the OCI layout with plain, gzip or zstd
 * blobs, and Podman's. What an entry is follows from its first bytes, not from its name; attestations are neither a
 * layer nor a configuration, and passed over.
 *
 * Measured layers go to `layers`. One that it knows is passed over; in the legacy form, where names say nothing, so is a
 * large one whose tar has the size of a known one. If it is another, the caller finds it missing and asks again.
 *
 * @returns the configurations of the images.
 * @throws {ToolError} when the archive is damaged.
 */
export async function readArchive(
  archive: Readable,
  layers: LayerStore,
  options: { signal?: AbortSignal; onBytes?: (bytes: number) => void } = {},
): Promise<ImageConfig[]> {
  const entries = extract();
  const source = pipeline(archive, entries, { signal: options.signal });
  source.catch(() => {}); // Reported below: the loop over the entries fails with it.

  const configs: ImageConfig[] = [];
  let count = 0;
  let fileCount = 0;
  try {
    for await (const entry of entries) {
      const { name, type, size = 0 } = entry.header;
      count += 1;
      if (count > MAX_ENTRIES) throw new Error(`it has more than ${MAX_ENTRIES} entries`);
      if (!hasSize(entry.header)) throw new Error('an entry has no valid size');
      options.onBytes?.(size);
      const digest = digestInName(name);
      if (type !== 'file' || (digest && layers.has(digest))) {
        entry.resume();
        continue;
      }
      const chunks = entry[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      const head = await firstBytes(chunks);
      const content = joined(head, chunks);
      if (head[0] === 0x7b) {
        const config = readConfig(await readSmall(content, size));
        if (config) configs.push(config);
      } else if (
        isCompressed(head) ||
        (looksLikeTar(head) && !(size > ALWAYS_MEASURE_BYTES && layers.hasTarBytes(size)))
      ) {
        const { layer, files } = await readLayer(content, head);
        fileCount += files.files.length;
        if (fileCount > MAX_FILES) {
          throw new ToolError(`The images have more than ${MAX_FILES} files in all.`, {
            hint: 'Compare fewer at once.',
          });
        }
        await layers.add(digest && digest !== layer.diffId ? { ...layer, blob: digest } : layer, files);
      } else {
        for await (const _ of content) {
          // Known, or neither JSON nor a layer, such as the file that names the layout's version.
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
  return configs;
}

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

/** The digest that the file names of OCI layouts and of Podman's archives carry. */
function digestInName(name: string): string | null {
  const hex = /^(?:blobs\/sha256\/)?([0-9a-f]{64})(?:\.tar)?$/.exec(name)?.[1];
  return hex ? `sha256:${hex}` : null;
}
