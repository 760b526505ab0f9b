/** The size of a block, and the size from which a file is large: it has blocks of its own. */
const BLOCK_BYTES = 1 << 20;
const TAR_BLOCK_BYTES = 512;
const REGULAR_FILE = 0x30;
/** The first four of the five letters `ustar`. */
const USTAR = 0x75737461;

/** A part of a tar: `place` is where it is in a large file, or `between` two of them. */
interface Block {
  bytes: Buffer;
  place: 'beginning' | 'inside' | 'between';
}

/**
 * Cuts a tar into blocks of 1 MiB, and before and after the content of each large file. So the content is cut into the same
 * blocks in every tar, and the same tar always into the same blocks, however its bytes arrive.
 *
 * Any 512 bytes that look like the header of a large file count as one: what is wrongly taken for a header only moves a cut.
 */
export function createTarCutter() {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let place: Block['place'] = 'between';
  /** What is left of the content of a large file, with its padding. */
  let contentBytes = 0;

  const cut = (): Block => {
    const [first = Buffer.alloc(0), ...more] = pending;
    // One large chunk is cut many times, and not copied each time.
    const bytes = more.length === 0 ? first : Buffer.concat(pending);
    const block = { place, bytes };
    if (contentBytes > 0) {
      block.bytes = bytes.subarray(0, Math.min(BLOCK_BYTES, contentBytes));
      contentBytes -= block.bytes.length;
      place = contentBytes > 0 ? 'inside' : 'between';
    } else {
      const header = findLargeFile(bytes);
      if (header) {
        contentBytes = header.contentBytes;
        place = 'beginning';
      }
      block.bytes = bytes.subarray(0, header?.end ?? BLOCK_BYTES);
    }
    pending = [bytes.subarray(block.bytes.length)];
    pendingBytes = bytes.length - block.bytes.length;
    return block;
  };

  return {
    /** Adds bytes, and returns the blocks that are complete. */
    *write(chunk: Buffer): Generator<Block> {
      pending.push(chunk);
      pendingBytes += chunk.length;
      while (pendingBytes >= BLOCK_BYTES) yield cut();
    },
    /** The rest. */
    end: (): Block => ({ bytes: Buffer.concat(pending), place }),
  };
}

/** Finds the first header of a large file in what a block may have, and how long the content after it is. */
function findLargeFile(bytes: Buffer): { end: number; contentBytes: number } | undefined {
  for (let offset = 0; offset < BLOCK_BYTES; offset += TAR_BLOCK_BYTES) {
    // https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06: size, typeflag and magic.
    if (bytes.readUInt32BE(offset + 257) !== USTAR || bytes[offset + 156] !== REGULAR_FILE) continue;
    const size = Number.parseInt(bytes.toString('latin1', offset + 124, offset + 136), 8);
    if (size >= BLOCK_BYTES) {
      return { end: offset + TAR_BLOCK_BYTES, contentBytes: Math.ceil(size / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES };
    }
  }
  return undefined;
}
