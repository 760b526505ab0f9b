import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { ToolError } from '../../lib/errors.ts';
import { parseJson } from '../../lib/parse-json.ts';
import { layerInstructions } from './image-documents.ts';
import { BEGINNING_BYTES, hashBeginning, type LayerSign } from './known-layers.ts';
import type { Layer } from './layer.ts';
import { readLayer } from './read-layer.ts';
import { tarEntries } from './tar-entries.ts';
import { isCompressed } from './unpack.ts';

/** Manifests and configurations are small: anything larger is neither. */
const MAX_JSON_BYTES = 16 << 20;
/** The legacy form has four for each layer; an image has at most 127 layers. */
const MAX_ENTRIES = 20_000;
const TAR_BLOCK_BYTES = 512;
const OPENING_BRACE = 0x7b;

/** The part of an image's configuration that describes its layers, with the instruction that made each. */
const imageConfig = z
  .object({
    rootfs: z.object({ diff_ids: z.array(z.string()) }),
    history: z.array(z.object({ created_by: z.string().optional(), empty_layer: z.boolean().optional() })).nullish(),
  })
  .transform(({ rootfs: { diff_ids: diffIds }, history }) => {
    return { diffIds, instructions: layerInstructions(diffIds, history ?? []) };
  });

/**
 * Reads an archive as engines save it: Docker's legacy form (`…/layer.tar`), the OCI layout with plain, gzip or zstd
 * blobs, and Podman's. The first bytes of an entry say what it is, not its name; attestations are neither a layer nor a
 * configuration, and skipped.
 *
 * `isKnown` says whether a layer need not be measured. It is asked before the layer's content is read: by digest where the
 * entry's name has one, and only in the legacy form, where names say nothing, by size and beginning.
 *
 * @returns the configurations of the images.
 * @throws {ToolError} when the archive is damaged.
 */
export async function readArchive(
  archive: Readable,
  isKnown: (sign: LayerSign) => boolean,
  options: { onLayer: (layer: Layer) => Promise<void>; onBytes?: (bytes: number) => void; signal?: AbortSignal },
): Promise<z.infer<typeof imageConfig>[]> {
  const configs: z.infer<typeof imageConfig>[] = [];
  let entryCount = 0;
  try {
    for await (const entry of tarEntries(archive, options.signal)) {
      const { name, type, size = 0 } = entry.header;
      entryCount += 1;
      if (entryCount > MAX_ENTRIES) throw new Error(`it has more than ${MAX_ENTRIES} entries`);
      options.onBytes?.(size);
      const digest = digestInName(name);
      if (type !== 'file' || (digest && isKnown({ digest }))) {
        entry.skip();
        continue;
      }
      const { head, content } = await peek(entry.content);
      if (head[0] === OPENING_BRACE && size <= MAX_JSON_BYTES) {
        const { data } = imageConfig.safeParse(parseJson(await text(content)));
        if (data) configs.push(data);
      } else if (isCompressed(head) || (isTar(head) && (digest || !isKnown(signOf(head, size))))) {
        const layer = await readLayer(content, head);
        await options.onLayer(digest && digest !== layer.diffId ? { ...layer, blob: digest } : layer);
      } else {
        for await (const _ of content) {
          // A layer to skip, or neither JSON nor a layer, such as the file that names the layout's version.
        }
      }
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    // The program that wrote the archive knows better than the reader why it is incomplete.
    const cause = archive.errored instanceof ToolError ? archive.errored : error;
    if (cause instanceof ToolError) throw cause;
    throw new ToolError(`The archive that the engine saved cannot be read: ${(cause as Error).message}`);
  }
  return configs;
}

/** Whether content begins with a tar header, or with the zeros that an empty tar consists of. */
const isTar = (head: Buffer) =>
  head.length >= TAR_BLOCK_BYTES &&
  (head.toString('latin1', 257, 262) === 'ustar' || head.subarray(0, TAR_BLOCK_BYTES).every((byte) => byte === 0));

/** What the legacy form shows of a layer. */
const signOf = (head: Buffer, tarBytes: number): LayerSign => ({ tarBytes, beginning: hashBeginning(head) });

/** The beginning of a stream, with at least {@link BEGINNING_BYTES} if it has so many, and its whole content. */
export async function peek(stream: AsyncIterable<Buffer>): Promise<{ head: Buffer; content: AsyncIterable<Buffer> }> {
  const chunks = stream[Symbol.asyncIterator]();
  const first: Buffer[] = [];
  for (let bytes = 0; bytes < BEGINNING_BYTES; bytes += first.at(-1)?.length ?? 0) {
    const { value, done } = await chunks.next();
    if (done) break;
    first.push(value);
  }
  async function* content() {
    yield* first;
    yield* { [Symbol.asyncIterator]: () => chunks };
  }
  return { head: Buffer.concat(first), content: content() };
}

/** The digest in the file names of OCI layouts and of Podman's archives. */
function digestInName(name: string): string | null {
  const hex = /^(?:blobs\/sha256\/)?([0-9a-f]{64})(?:\.tar)?$/.exec(name)?.[1];
  return hex ? `sha256:${hex}` : null;
}
