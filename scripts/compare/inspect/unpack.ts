import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { ToolError } from '../../lib/errors.ts';

/** A layer that unpacks to more than this many bytes … */
const BOMB_BYTES = 512 << 20;
/** … and to more than this many times its size has no files worth measuring: its only use is to fill a disk. */
const BOMB_RATIO = 200;
/** Four bytes of zstd can unpack to 128 KiB: with this many at a time, one step unpacks to less than 32 MiB. */
const ZSTD_STEP_BYTES = 1024;

const isGzip = (head: Buffer) => head[0] === 0x1f && head[1] === 0x8b;
// RFC 8878: a frame with data, or a frame to be skipped, with which eStargz-like blobs may begin.
const isZstd = (head: Buffer) =>
  head.length >= 4 && (head.readUInt32LE(0) === 0xfd2fb528 || head.readUInt32LE(0) >>> 4 === 0x184d2a5);

/** Whether bytes begin like something that `unpack` unpacks. */
export const isCompressed = (head: Buffer) => isGzip(head) || isZstd(head);

/**
 * A layer's tar, from a blob that is plain, gzip or zstd. `head` is how the blob begins.
 *
 * @throws {ToolError} for a blob that unpacks as if without end; an Error for a damaged blob.
 */
export async function* unpack(blob: AsyncIterable<Buffer>, head: Buffer): AsyncGenerator<Buffer> {
  if (!isCompressed(head)) return yield* blob;
  let packedBytes = 0;
  let unpackedBytes = 0;
  async function* countedBlob() {
    for await (const chunk of blob) {
      packedBytes += chunk.length;
      yield chunk;
    }
  }
  for await (const chunk of isGzip(head) ? gunzip(countedBlob()) : unzstd(countedBlob())) {
    unpackedBytes += chunk.length;
    if (unpackedBytes > BOMB_BYTES && unpackedBytes > BOMB_RATIO * packedBytes) {
      throw new ToolError(`A layer unpacks to more than ${BOMB_RATIO} times its size: it was not read to its end.`, {
        hint: 'Does it contain one huge file of zeros, such as /var/log/lastlog?',
      });
    }
    yield chunk;
  }
}

// The loop over the unpacked bytes fails with the error of the blob.
const gunzip = (blob: AsyncIterable<Buffer>): AsyncIterable<Buffer> =>
  pipeline(Readable.from(blob, { objectMode: false }), createGunzip(), () => {});

/** Node's own zlib reads zstd only since 22.15; this works with every version. */
async function* unzstd(blob: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const unpacked: Buffer[] = [];
  const decompress = new Decompress((chunk) => unpacked.push(Buffer.from(chunk)));
  const step = (bytes: Buffer, isLast: boolean) => {
    try {
      decompress.push(bytes, isLast);
    } catch (error) {
      throw new Error(`zstd: ${(error as Error).message}`);
    }
    return unpacked.splice(0);
  };
  for await (const chunk of blob) {
    for (let offset = 0; offset < chunk.length; offset += ZSTD_STEP_BYTES) {
      yield* step(chunk.subarray(offset, offset + ZSTD_STEP_BYTES), false);
    }
  }
  yield* step(Buffer.alloc(0), true);
}
