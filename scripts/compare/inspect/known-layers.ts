import { createHash } from 'node:crypto';
import { ToolError } from '../../lib/errors.ts';
import type { Layer } from './layer.ts';

/**
 * A layer of up to this size is known by its whole content. A larger one begins with the headers of many files, and each
 * header has a time of modification: two layers of the same size and beginning are nearly always the same. Where they are
 * not, such as two builds with `SOURCE_DATE_EPOCH` that differ in one late byte, the layer is found missing.
 */
export const BEGINNING_BYTES = 1 << 20;

/** All files of all layers are in memory at the same time. */
const MAX_FILES = 1_000_000;

/** What an archive shows of a layer before its content. */
export type LayerSign = { digest: string } | Pick<Layer, 'tarBytes' | 'beginning'>;

/** The sha256 of a tar's first bytes, from at least that many bytes of it. */
export const hashBeginning = (head: Buffer) =>
  createHash('sha256').update(head.subarray(0, BEGINNING_BYTES)).digest('hex');

/** The layers that were measured so far, in this invocation or an earlier one. */
export class KnownLayers {
  readonly #byDigest = new Map<string, Layer>();
  readonly #byBeginning = new Map<string, Layer>();
  #fileCount = 0;

  /** @throws {ToolError} when all layers together have too many files. */
  add(layer: Layer): void {
    const fileCount = this.#fileCount + (this.#byDigest.has(layer.diffId) ? 0 : layer.files.length);
    if (fileCount > MAX_FILES) {
      throw new ToolError(`The images have more than ${MAX_FILES} files in total.`, {
        hint: 'Compare fewer images at once.',
      });
    }
    this.#fileCount = fileCount;
    this.#byDigest.set(layer.diffId, layer);
    if (layer.blob) this.#byDigest.set(layer.blob, layer);
    this.#byBeginning.set(keyOf(layer), layer);
  }

  /** By the digest of the tar, or of the compressed blob. */
  get(digest: string): Layer | undefined {
    return this.#byDigest.get(digest);
  }

  find(sign: LayerSign): Layer | undefined {
    return 'digest' in sign ? this.get(sign.digest) : this.#byBeginning.get(keyOf(sign));
  }
}

const keyOf = ({ tarBytes, beginning }: Pick<Layer, 'tarBytes' | 'beginning'>) => `${tarBytes} ${beginning}`;
