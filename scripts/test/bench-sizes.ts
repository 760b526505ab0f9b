// `npm run bench:sizes -w scripts [rounds]` compares how long compare takes to read all images for the first time with how
// long the engine's own save takes when its bytes go through gzip. Both have as many workers as the machine has cores.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSubjects } from '../compare/build/build-subjects.ts';
import { findChapters } from '../compare/discover/chapters.ts';
import { LayerCache } from '../compare/inspect/layer-cache.ts';
import { readImageLayers } from '../compare/inspect/read-image-layers.ts';
import type { Invocation, Measurement } from '../compare/model/measurement.ts';
import { median } from '../compare/model/samples.ts';
import { type Subject, subjectName } from '../compare/model/subject.ts';
import { cleanUp } from '../engine/clean-up.ts';
import type { Engine, ImageFacts } from '../engine/engine.ts';
import { findEngine } from '../engine/find-engine.ts';
import { EXIT, ToolError, usageError } from '../lib/errors.ts';
import { startProgram } from '../lib/program.ts';
import { createProgress } from '../lib/progress.ts';

/** How long reading may take at most, as a multiple of what save and gzip take. */
const BOUND = 1.3;
const BLOCK_BYTES = 1 << 20;
const WORKERS = availableParallelism();

/** Reads the images as compare does when it has never seen them. Returns milliseconds. */
async function readForTheFirstTime(engine: Engine, images: ImageFacts[], signal: AbortSignal): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    const begin = performance.now();
    await readImageLayers(engine, images, new LayerCache(directory), { signal });
    return performance.now() - begin;
  } finally {
    await rm(directory, { recursive: true });
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
  const writeBlock = async () => {
    const input = workers[turn++ % WORKERS]?.stdin;
    if (input && !input.write(Buffer.concat(chunks))) await once(input, 'drain');
    chunks = [];
    bytes = 0;
  };
  for await (const chunk of engine.save(images.map(({ id }) => id))) {
    signal.throwIfAborted();
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= BLOCK_BYTES) await writeBlock();
  }
  await writeBlock();
  for (const { stdin } of workers) stdin?.end();
  await Promise.all(ends);
  return performance.now() - begin;
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const line = (name: string, samples: number[]) => {
  const [least, most] = [Math.min(...samples), Math.max(...samples)];
  return `${name.padEnd(28)} ${seconds(median(samples)).padStart(8)}  (${seconds(least)} to ${seconds(most)})`;
};

/** Returns whether reading stays within the bound. */
async function bench(rounds: number, signal: AbortSignal): Promise<boolean> {
  const engine = await findEngine();
  const progress = createProgress();
  const invocation: Invocation = { engine, id: randomUUID(), directory: tmpdir(), signal, progress };
  try {
    const measurements: Measurement<Subject>[] = (await findChapters(join(import.meta.dirname, '../..'))).map(
      (subject) => ({ subject }),
    );
    await buildSubjects(invocation, measurements, WORKERS);
    const images = measurements.map(({ image, error, subject }) => {
      if (!image) throw new ToolError(`${subjectName(subject)} was not built: ${error}`);
      return image;
    });
    const read: number[] = [];
    const saved: number[] = [];
    for (let index = 0; index < rounds; index += 1) {
      // The order changes with each round: the engine's page cache favours the second.
      const steps = [
        async () => read.push(await readForTheFirstTime(engine, images, signal)),
        async () => saved.push(await saveThroughGzip(engine, images, signal)),
      ];
      for (const step of index % 2 === 0 ? steps : steps.reverse()) await step();
      progress.note(
        `round ${index + 1} of ${rounds}: read ${seconds(read[index] ?? 0)}, save through gzip ${seconds(saved[index] ?? 0)}`,
      );
    }
    progress.close();
    const ratio = median(read) / median(saved);
    console.log(`${images.length} images, ${WORKERS} workers, median of ${rounds} rounds (least to most)`);
    console.log(line('read and measure', read));
    console.log(line('save through gzip -6', saved));
    console.log(`ratio ${ratio.toFixed(2)}, at most ${BOUND}: ${ratio <= BOUND ? 'PASS' : 'FAIL'}`);
    return ratio <= BOUND;
  } finally {
    progress.close();
    await cleanUp(engine, invocation.id, []);
  }
}

await startProgram(async (signal) => {
  const rounds = Number(process.argv[2] ?? 3);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw usageError('Expected a number of rounds, such as: npm run bench:sizes -w scripts 3');
  }
  return (await bench(rounds, signal)) ? EXIT.ok : EXIT.failed;
});
