import { gzipSync } from 'node:zlib';
import { mergeLayers } from '../compare/inspect/merge-layers.ts';
import { ToolError } from '../lib/errors.ts';
import { read, sha256, tar } from './fixtures.ts';

// Changes archives at random and reads them. As a program, it stops at the first crash, or after some seconds:
//   npm run fuzz -w scripts -- 60

/** A generator of numbers from 0 to 1, the same numbers for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Valid archives of both forms. */
async function originals(): Promise<Buffer[]> {
  const layers = [
    await tar([
      { name: 'app', type: 'directory' },
      { name: 'app/package.json', content: '{"name":"x","dependencies":{"y":"1"}}' },
      { name: 'app/node_modules/y/package.json', content: '{"name":"y","version":"1.0.0"}' },
      { name: 'etc/passwd', content: 'root:x:0:0:root:/root:/bin/sh\n' },
      { name: `long/${'name/'.repeat(60)}x`, content: 'PAX' },
      { name: 'app/hard', type: 'link', linkname: 'app/package.json' },
      { name: 'app/soft', type: 'symlink', linkname: '../etc' },
    ]),
    await tar([{ name: 'app/.wh.hard' }, { name: 'app/.wh..wh..opq' }, { name: 'app', content: 'now a file' }]),
  ];
  const config = JSON.stringify({ rootfs: { diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) } });
  const blobs = [...layers.map((layer) => gzipSync(layer)), Buffer.from(config)];
  return [
    await tar([
      ...layers.map((content, index) => ({ name: `${index}/layer.tar`, content })),
      { name: 'c.json', content: config },
    ]),
    await tar(blobs.map((content) => ({ name: `blobs/sha256/${sha256(content)}`, content }))),
  ];
}

/** Archives with a few random changes each, and the seed that makes each again. */
export async function* mutations(first: number, count: number): AsyncGenerator<{ seed: number; archive: Buffer }> {
  const whole = await originals();
  for (let seed = first; seed < first + count; seed += 1) {
    const next = random(seed);
    const below = (limit: number) => Math.floor(next() * limit);
    let archive = Buffer.from(whole[below(whole.length)] as Buffer);
    for (let change = below(4); change >= 0; change -= 1) {
      const at = below(archive.length);
      const kind = below(5);
      if (kind === 0) archive[at] = below(256);
      else if (kind === 1) archive.fill(below(256), at, Math.min(at + below(64), archive.length));
      else if (kind === 2) archive = archive.subarray(0, at);
      else if (kind === 3) archive = Buffer.concat([archive.subarray(0, at), archive.subarray(below(archive.length))]);
      else changeHeader(archive, at - (at % 512), below);
      if (archive.length === 0) break;
    }
    yield { seed, archive };
  }
}

/** Changes a field of a header and corrects the checksum, to get past the first check. */
function changeHeader(archive: Buffer, at: number, below: (limit: number) => number): void {
  if (at + 512 > archive.length) return;
  const block = archive.subarray(at, at + 512);
  const [from = 0, length = 0] =
    [
      [0, 100],
      [100, 8],
      [108, 8],
      [124, 12],
      [156, 1],
      [157, 100],
    ][below(6)] ?? [];
  for (let index = 0; index < 3; index += 1)
    block[from + below(length)] = [0, 0x2e, 0x2f, 0x37, 0x80, 0xff][below(6)] ?? 0;
  block.write('        ', 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
}

async function fuzz(seconds: number): Promise<void> {
  const end = Date.now() + seconds * 1000;
  let refused = 0;
  let done = 0;
  const begin = Math.floor(Math.random() * 2 ** 31);
  for await (const { seed, archive } of mutations(begin, Number.POSITIVE_INFINITY)) {
    const since = Date.now();
    const error = await read(archive).then(
      ({ layers }) => void mergeLayers(layers.map(({ files }) => files)),
      (reason) => reason,
    );
    if (error) refused += 1;
    if (error && !(error instanceof ToolError)) throw new Error(`seed ${seed}: ${error.stack}`);
    if (Date.now() - since > 2000) throw new Error(`seed ${seed} took ${Date.now() - since} ms`);
    done += 1;
    if (Date.now() > end) break;
  }
  const memory = Math.round(process.resourceUsage().maxRSS / 1000);
  console.log(
    `${done} archives from seed ${begin}: ${done - refused} read, ${refused} refused, none crashed. ${memory} MB.`,
  );
}

if (import.meta.filename === process.argv[1]) await fuzz(Number(process.argv[2] ?? 30));
