import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { deflateRaw as deflateRawCallback } from 'node:zlib';
import { createTarCutter } from './tar-cutter.ts';

const deflateRaw = promisify(deflateRawCallback);

/** How far back deflate looks: with this much of the previous block, a block compresses as if both were one. */
const WINDOW_BYTES = 32 << 10;
/** The header and trailer of a gzip file (RFC 1952). */
const WRAPPER_BYTES = 18;
/**
 * How many blocks of all layers are compressed at the same time, or wait for a thread: one more than there are processors,
 * so that none of them is idle while the next block is read. Node's pool has four threads, unless UV_THREADPOOL_SIZE says
 * otherwise; those compress faster than an engine saves.
 */
const MAX_BLOCKS = availableParallelism() + 1;

/** The blocks that are not compressed yet. The threads are those of the process, and so is their limit. */
const waiting = new Set<Promise<unknown>>();
/** The compressed size of each block of a large file. Images often have the same large files in different layers. */
const sizes = new Map<string, Promise<number>>();

/**
 * Counts how many bytes a tar would have as gzip level 6, the level at which Docker and BuildKit push layers.
 *
 * It compresses blocks in parallel, as pigz does, on the threads of Node's pool; the result is within 0.1 percent of what
 * Node's own gzip makes of the whole. It is the same each time, because the tar alone decides where blocks begin. A block of
 * a large file that was compressed before, for this layer or another one, is not compressed again.
 */
export function createGzipCounter() {
  const cutter = createTarCutter();
  const counted: Promise<number>[] = [];
  let dictionary: Buffer | undefined;

  const compress = (bytes: Buffer) => {
    const compression = deflateRaw(bytes, { level: 6, ...(dictionary && { dictionary }) }).then(({ length }) => {
      waiting.delete(compression);
      return length;
    });
    waiting.add(compression);
    return compression;
  };
  const count = ({ bytes, place }: ReturnType<typeof cutter.end>) => {
    // The first block of a large file has no dictionary, so that it compresses alike wherever the file is.
    if (place === 'beginning') dictionary = undefined;
    if (place === 'between') {
      counted.push(compress(bytes));
    } else {
      const key = createHash('sha256')
        .update(bytes)
        .update(dictionary ?? '')
        .digest('base64');
      const size = sizes.get(key) ?? compress(bytes);
      sizes.set(key, size);
      counted.push(size);
    }
    dictionary = bytes.subarray(-WINDOW_BYTES);
  };

  return {
    /** Adds bytes. Resolves when the counter accepts more, so that memory stays bounded. */
    async write(chunk: Buffer): Promise<void> {
      for (const block of cutter.write(chunk)) {
        count(block);
        while (waiting.size >= MAX_BLOCKS) await Promise.race(waiting);
      }
    },
    /** The number of bytes of the whole. */
    async end(): Promise<number> {
      count(cutter.end());
      return (await Promise.all(counted)).reduce((sum, size) => sum + size, WRAPPER_BYTES);
    },
  };
}
