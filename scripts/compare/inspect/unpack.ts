import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { ToolError } from '../../lib/errors.ts';

/** A layer that unpacks to more than this many bytes … */
const BOMB_BYTES = 512 << 20;
/** … and to more than this many times its size has no files worth measuring: it only fills the disk. */
const BOMB_RATIO = 200;
/** zstd makes up to 128 KiB of four bytes: so much at a time keeps what one step unpacks to below 32 MiB. */
const ZSTD_STEP_BYTES = 1024;

const isGzip = (head: Buffer) => head[0] === 0x1f && head[1] === 0x8b;
// RFC 8878: a frame with data, or one to be skipped, with which eStargz-like blobs may begin.
const isZstd = (head: Buffer) =>
  head.length >= 4 && (head.readUInt32LE(0) === 0xfd2fb528 || head.readUInt32LE(0) >>> 4 === 0x184d2a5);

/** Whether bytes begin like something that `unpack` unpacks. */
export const isCompressed = (head: Buffer) => isGzip(head) || isZstd(head);

/**
 * A layer's tar, from a blob that is plain, gzip or zstd. `head` is how it begins.
 *
 * @throws {ToolError} for a blob that unpacks as if without end; an Error for one that is damaged.
 */
export async function* unpack(content: AsyncIterable<Buffer>, head: Buffer): AsyncGenerator<Buffer> {
  if (!isCompressed(head)) {
    yield* content;
    return;
  }
  let packed = 0;
  let unpacked = 0;
  async function* counted() {
    for await (const chunk of content) {
      packed += chunk.length;
      yield chunk;
    }
  }
  for await (const chunk of isGzip(head) ? gunzip(counted()) : unzstd(counted())) {
    unpacked += chunk.length;
    if (unpacked > BOMB_BYTES && unpacked > BOMB_RATIO * packed) {
      throw new ToolError(`A layer unpacks to more than ${BOMB_RATIO} times its size: it is not read to its end.`, {
        hint: 'Does it hold one huge file of zeros, such as /var/log/lastlog?',
      });
    }
    yield chunk;
  }
}

async function* gunzip(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const stream = createGunzip();
  const source = pipeline(Readable.from(content, { objectMode: false }), stream);
  source.catch(() => {}); // Reported by the loop over what it unpacks.
  yield* stream;
  await source;
}

/** Node's own zlib reads zstd only since 22.15; this does everywhere. */
async function* unzstd(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let out: Buffer[] = [];
  const decompress = new Decompress((chunk) => out.push(Buffer.from(chunk)));
  const step = (bytes: Buffer, last: boolean) => {
    try {
      decompress.push(bytes, last);
    } catch (error) {
      throw new Error(`zstd: ${(error as Error).message}`);
    }
    const made = out;
    out = [];
    return made;
  };
  for await (const chunk of content) {
    for (let at = 0; at < chunk.length; at += ZSTD_STEP_BYTES) {
      yield* step(chunk.subarray(at, at + ZSTD_STEP_BYTES), false);
    }
  }
  yield* step(Buffer.alloc(0), true);
}
