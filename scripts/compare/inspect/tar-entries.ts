import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';

/**
 * Reads a tar entry by entry. Each content must be read to its end, or skipped: tar-stream gives up the whole tar otherwise.
 *
 * @throws an Error for a damaged tar, and the error of its source.
 */
export async function* tarEntries(tar: AsyncIterable<Buffer>, signal?: AbortSignal) {
  const entries = extract();
  const written = pipeline(tar, entries, { signal });
  written.catch(() => {}); // The loop fails with the same error.
  for await (const entry of entries) {
    const { header } = entry;
    // tar-stream waits forever for the content of an entry whose size is not a number.
    if (!Number.isSafeInteger(header.size) || header.size < 0) throw new Error('an entry has no valid size');
    async function* content() {
      try {
        yield* entry as AsyncIterable<Buffer>;
      } catch (error) {
        await written; // Throws the reason: the entry only knows that it was destroyed.
        throw error;
      }
    }
    yield { header, content: content(), skip: () => entry.resume() };
  }
}
