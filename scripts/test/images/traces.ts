import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { isCompressed, unpack } from '../../compare/inspect/unpack.ts';
import type { Engine } from '../../engine/engine.ts';
import { engine } from './test-engine.ts';

/**
 * Looks for texts in all that makes up some images, as the engine would push it: configuration, history, and every file
 * of every layer, deleted ones and compressed ones included. Returns what was found, as `text in place`.
 *
 * A text of several lines is looked for line by line, because JSON writes line breaks in its own way.
 */
export async function findTraces(images: string[], texts: Record<string, string>): Promise<string[]> {
  const needles = Object.entries(texts).flatMap(([name, text]) =>
    text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => ({ name, bytes: Buffer.from(line) })),
  );
  const longest = Math.max(...needles.map(({ bytes }) => bytes.length));
  const found = new Set<string>();

  const look = (bytes: Buffer, place: string) => {
    for (const needle of needles) if (bytes.includes(needle.bytes)) found.add(`${needle.name} in ${place}`);
  };

  async function read(source: AsyncIterable<Buffer>, place: string): Promise<void> {
    const chunks = source[Symbol.asyncIterator]();
    let head: Buffer = Buffer.alloc(0);
    for (let next = await chunks.next(); ; next = await chunks.next()) {
      if (next.done) break;
      head = Buffer.concat([head, next.value]);
      if (head.length >= 512) break;
    }
    async function* content() {
      yield head;
      yield* { [Symbol.asyncIterator]: () => chunks };
    }
    if (isCompressed(head)) return read(unpack(content(), head), place);
    if (head.toString('latin1', 257, 262) === 'ustar') return readTar(content(), place);
    // A text may begin in one piece and end in the next.
    let end: Buffer = Buffer.alloc(0);
    for await (const chunk of content()) {
      const bytes = Buffer.concat([end, chunk]);
      look(bytes, place);
      end = bytes.subarray(-longest);
    }
  }

  async function readTar(source: AsyncIterable<Buffer>, place: string): Promise<void> {
    const entries = extract();
    const arrived = pipeline(Readable.from(source, { objectMode: false }), entries);
    arrived.catch(() => {}); // Reported below: the loop over the entries fails with it.
    for await (const entry of entries) {
      const inside = `${place}/${entry.header.name}`;
      look(Buffer.from(`${entry.header.name} ${entry.header.linkname ?? ''}`), inside);
      await read(entry as AsyncIterable<Buffer>, inside);
    }
    await arrived;
  }

  await read((engine as Engine).save(images), '');
  return [...found];
}
