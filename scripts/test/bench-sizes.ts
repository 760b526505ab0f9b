// `npm run bench:sizes -w scripts [runs]`: how long compare takes to read all images for the first time, beside what the
// engine's own save takes when its bytes go through gzip. Both have as many workers as the machine has cores.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { findChapters } from '../compare/discover/chapters.ts';
import { LayerCache } from '../compare/inspect/layer-cache.ts';
import { readLayers } from '../compare/inspect/read-layers.ts';
import type { Measurement } from '../compare/model/measurement.ts';
import { median } from '../compare/model/samples.ts';
import { type Subject, subjectName } from '../compare/model/subject.ts';
import { buildAll, cleanUp, readBases } from '../compare/steps.ts';
import type { Engine, ImageFacts } from '../engine/engine.ts';
import { findEngine } from '../engine/find-engine.ts';
import { EXIT, ToolError } from '../lib/errors.ts';
import { runProgram } from '../lib/program.ts';
import { createProgress } from '../lib/progress.ts';

/** What reading may take at most, as a multiple of what save and gzip take. */
const BOUND = 1.3;
const BLOCK_BYTES = 1 << 20;
const WORKERS = availableParallelism();

/** Reads the images as compare does when it has never seen them. Returns milliseconds. */
async function readForTheFirstTime(engine: Engine, images: ImageFacts[], signal: AbortSignal): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    const begin = performance.now();
    await readLayers(engine, images, new LayerCache(folder), { signal });
    return performance.now() - begin;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Sends the engine's archive of the images through gzip, a block to each worker in turn. Returns milliseconds. */
async function saveThroughGzip(engine: Engine, images: ImageFacts[], signal: AbortSignal): Promise<number> {
  const begin = performance.now();
  const workers = Array.from({ length: WORKERS }, () =>
    spawn('gzip', ['-6', '-c'], { stdio: ['pipe', 'ignore', 'inherit'] }),
  );
  const ends = workers.map((worker) => once(worker, 'close'));
  let chunks: Buffer[] = [];
  let bytes = 0;
  let turn = 0;
  const hand = async () => {
    const input = workers[turn++ % WORKERS]?.stdin;
    if (input && !input.write(Buffer.concat(chunks))) await once(input, 'drain');
    chunks = [];
    bytes = 0;
  };
  for await (const chunk of engine.save(images.map(({ id }) => id))) {
    signal.throwIfAborted();
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= BLOCK_BYTES) await hand();
  }
  await hand();
  for (const { stdin } of workers) stdin?.end();
  await Promise.all(ends);
  return performance.now() - begin;
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const line = (name: string, samples: number[]) => {
  const [least, most] = [Math.min(...samples), Math.max(...samples)];
  return `${name.padEnd(28)} ${seconds(median(samples)).padStart(8)}  (${seconds(least)} to ${seconds(most)})`;
};

/** Returns whether reading takes no more than it may. */
async function bench(runs: number, signal: AbortSignal): Promise<boolean> {
  const engine = await findEngine();
  const progress = createProgress();
  const run = { engine, id: randomUUID(), signal, progress };
  try {
    const measurements: Measurement<Subject>[] = (await findChapters(join(import.meta.dirname, '../..'))).map(
      (subject) => ({ subject }),
    );
    await readBases(run, measurements);
    await buildAll(run, measurements, WORKERS);
    const images = measurements.map(({ image, error, subject }) => {
      if (!image) throw new ToolError(`${subjectName(subject)} was not built: ${error}`);
      return image;
    });
    const read: number[] = [];
    const saved: number[] = [];
    for (let index = 0; index < runs; index += 1) {
      // In turn, and the other one first each time: the engine's page cache favours the second.
      const steps = [
        async () => read.push(await readForTheFirstTime(engine, images, signal)),
        async () => saved.push(await saveThroughGzip(engine, images, signal)),
      ];
      for (const step of index % 2 === 0 ? steps : steps.reverse()) await step();
      progress.note(
        `run ${index + 1} of ${runs}: read ${seconds(read[index] ?? 0)}, save through gzip ${seconds(saved[index] ?? 0)}`,
      );
    }
    progress.close();
    const ratio = median(read) / median(saved);
    console.log(`${images.length} images, ${WORKERS} workers, median of ${runs} runs (least to most)`);
    console.log(line('read, measure, look inside', read));
    console.log(line('save through gzip -6', saved));
    console.log(`ratio ${ratio.toFixed(2)}, at most ${BOUND}: ${ratio <= BOUND ? 'PASS' : 'FAIL'}`);
    return ratio <= BOUND;
  } finally {
    progress.close();
    await cleanUp(run, false);
  }
}

await runProgram(async (signal) => {
  const runs = Number(process.argv[2] ?? 3);
  if (!Number.isInteger(runs) || runs < 1) {
    throw new ToolError('How many runs? Such as: npm run bench:sizes -w scripts 3', { code: 'usage' });
  }
  return (await bench(runs, signal)) ? EXIT.ok : EXIT.failed;
});
