// `npm run bench:compare -w scripts` checks how long compare takes, and how much memory:
// - for all chapters, with an empty cache of measurements: against the same work typed in a shell, one command after the other
// - for all chapters again, when their layers are in that cache
// - for 10 and for 40 subjects
// All images are built before, so that the builder's cache is warm for everything that is timed: how long npm takes to
// install says nothing of compare, and a builder's cache is not ours to empty.
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findChapters } from '../compare/discover/chapters.ts';
import { cleanUp } from '../engine/clean-up.ts';
import { dockerEnvironment } from '../engine/docker.ts';
import type { Engine } from '../engine/engine.ts';
import { findEngine } from '../engine/find-engine.ts';
import { INVOCATION_LABEL } from '../engine/labels.ts';
import { EXIT } from '../lib/errors.ts';
import { startProgram } from '../lib/program.ts';
import { spawnOutput, spawnText } from '../lib/spawn.ts';

/** What a cold compare may take at most, as a part of what the commands take. */
const MAX_RATIO = 0.45;
const MAX_WARM_MS = 8000;
const [FEW, MANY] = [10, 40];
const MAX_BYTES = 300e6;

const ROOT = join(import.meta.dirname, '../..');
const CACHE = join(ROOT, 'node_modules/.cache/multi-stage-node');

/** Builds, measures, runs and requests one image. $1: docker, $2: Dockerfile, $3: context, $4: name, $5: label. */
const COMMANDS = `
"$1" build --quiet --file "$2" --tag "$4" --label "$5" "$3" &&
"$1" save "$4" | gzip | wc -c &&
container=$("$1" run --detach --publish 127.0.0.1::3000 --label "$5" "$4") &&
until curl --fail --silent "http://$("$1" port "$container" 3000/tcp)"; do sleep 0.1; done
"$1" rm --force "$container"`;

/** Prints the peak of the memory when compare ends. */
const PRINT_MEMORY =
  'data:text/javascript,process.on("exit",()=>console.error(`maxRSS ${process.resourceUsage().maxRSS}`))';

interface Result {
  ms: number;
  maxRssBytes: number;
}

/** Runs compare as users do, in a process of its own. */
async function timeCompare(args: string[], signal: AbortSignal): Promise<Result> {
  const begin = performance.now();
  const program = ['--import', PRINT_MEMORY, '--', 'scripts/start.mjs', 'compare', '--no-color', ...args];
  const { stderr } = await spawnOutput(process.execPath, program, { cwd: ROOT, signal });
  const kibibytes = Number(/^maxRSS (\d+)$/m.exec(stderr)?.[1]);
  return { ms: performance.now() - begin, maxRssBytes: kibibytes * 1024 };
}

/** Types the commands for all chapters. Returns milliseconds. */
async function timeCommands({ info }: Engine, id: string, signal: AbortSignal): Promise<number> {
  const begin = performance.now();
  for (const [index, { dockerfile, context }] of (await findChapters(ROOT)).entries()) {
    const args = [
      info.command,
      dockerfile,
      context,
      `multi-stage-node/bench:${id}-${index}`,
      `${INVOCATION_LABEL}=${id}`,
    ];
    await spawnText('sh', ['-c', COMMANDS, 'sh', ...args], { env: dockerEnvironment(), signal });
  }
  return performance.now() - begin;
}

const APP = "require('http').createServer((request, response) => response.end('hello')).listen(3000);";

/** A project with this many Dockerfiles, all on one base image. */
async function createSubjects(directory: string, count: number): Promise<string> {
  await mkdir(directory);
  await writeFile(join(directory, 'app.cjs'), APP);
  for (let index = 1; index <= count; index += 1) {
    await writeFile(join(directory, `${index}.txt`), `${directory} ${index}`);
    const lines = ['FROM node:26-alpine', `COPY app.cjs ${index}.txt /`, 'CMD ["node", "/app.cjs"]'];
    await writeFile(join(directory, `Dockerfile.v${index}`), lines.join('\n'));
  }
  return directory;
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

function check(text: string, isWithin: boolean): boolean {
  console.log(`${isWithin ? 'PASS' : 'FAIL'}  ${text}`);
  return isWithin;
}

/** Returns whether everything is within its bounds. */
async function bench(work: string, signal: AbortSignal): Promise<boolean> {
  const engine = await findEngine(signal);
  const id = randomUUID();
  try {
    await timeCompare(['--quiet'], signal);
    await rm(CACHE, { recursive: true, force: true });
    // First, so that what the engine's machine keeps in memory helps the commands and not compare.
    const cold = await timeCompare([], signal);
    const warm = await timeCompare([], signal);
    const commandsMs = await timeCommands(engine, id, signal);
    const few = await timeCompare([await createSubjects(join(work, 'few'), FEW)], signal);
    const many = await timeCompare([await createSubjects(join(work, 'many'), MANY)], signal);

    const ratio = cold.ms / commandsMs;
    const manyRatio = many.ms / few.ms;
    return [
      check(
        `all chapters: compare ${seconds(cold.ms)} (${megabytes(cold.maxRssBytes)}), commands ${seconds(commandsMs)}, ratio ${ratio.toFixed(2)}, at most ${MAX_RATIO}`,
        ratio <= MAX_RATIO,
      ),
      check(`again: ${seconds(warm.ms)}, at most ${seconds(MAX_WARM_MS)}`, warm.ms <= MAX_WARM_MS),
      check(
        `${MANY} subjects: ${seconds(many.ms)}, ${FEW} subjects: ${seconds(few.ms)}, ratio ${manyRatio.toFixed(1)}, at most ${MANY / FEW}`,
        manyRatio <= MANY / FEW,
      ),
      check(
        `memory of ${MANY} subjects: ${megabytes(many.maxRssBytes)}, at most ${megabytes(MAX_BYTES)}`,
        many.maxRssBytes <= MAX_BYTES,
      ),
    ].every(Boolean);
  } finally {
    await cleanUp(engine, id, []);
  }
}

await startProgram(async (signal) => {
  const work = await mkdtemp(join(tmpdir(), 'bench-'));
  const kept = join(dirname(CACHE), 'multi-stage-node.kept');
  await mkdir(CACHE, { recursive: true });
  await rm(kept, { recursive: true, force: true });
  await rename(CACHE, kept);
  try {
    return (await bench(work, signal)) ? EXIT.ok : EXIT.failed;
  } finally {
    await rm(CACHE, { recursive: true, force: true });
    await rename(kept, CACHE);
    await rm(work, { recursive: true });
  }
});
