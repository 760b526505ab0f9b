import { createHash } from 'node:crypto';

/** The digest of some bytes as registries write it: `sha256:` and 64 hexadecimal digits. */
export const sha256 = (bytes: Buffer | string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/**
 * Passes on a content, and fails when it does not have the digest and the size, in bytes, that it should have: at its end,
 * or as soon as it is too long, and never with more bytes than `size` passed on.
 *
 * @param fail makes the error of a problem, such as "has less than its 5 bytes".
 */
export async function* verifyContent(
  content: AsyncIterable<Buffer>,
  { digest, size }: { digest: string; size: number },
  fail: (problem: string) => Error,
): AsyncGenerator<Buffer, void> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > size) throw fail(`has more than its ${size} bytes`);
    hash.update(chunk);
    yield chunk;
  }
  if (bytes < size) throw fail(`has less than its ${size} bytes`);
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== digest) throw fail(`has the digest ${actual}`);
}
