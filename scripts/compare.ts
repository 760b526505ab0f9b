import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve, sep } from 'node:path';
import pLimit from 'p-limit';
import { isStandIn } from './src/bases/bases.ts';
import { type CompareOptions, readOptions } from './src/cli.ts';
import { type Engine, RUN_LABEL } from './src/engine/engine.ts';
import { findEngine } from './src/engine/find.ts';
import { describeError, EXIT, ToolError } from './src/errors.ts';
import { buildSubject } from './src/measure/build.ts';
import { MeasurementCache } from './src/measure/cache.ts';
import { runAndRequest } from './src/measure/run.ts';
import { measureSizes } from './src/measure/size.ts';
import { createProgress, type Progress } from './src/progress.ts';
import { reserveFile } from './src/report/file.ts';
import { compareImages, imageReport, type Measurement } from './src/report/report.ts';
import type { Report } from './src/report/schema.ts';
import { renderTerminal } from './src/report/terminal.ts';
import { findChapters, REFERENCE, selectChapters, subjectName } from './src/subjects/chapters.ts';
import { readDockerfile } from './src/subjects/dockerfile.ts';

const ROOT = join(import.meta.dirname, '..');
const CACHE = join(ROOT, 'node_modules/.cache/multi-stage-node');

/** What all steps of one run share. */
interface Run {
  engine: Engine;
  id: string;
  folder: string;
  signal: AbortSignal;
  progress: Progress;
}

async function compare(options: CompareOptions, signal: AbortSignal): Promise<number> {
  const subjects = selectChapters(await findChapters(ROOT), options.chapters);
  const json = options.json ? await reserveFile(resolve(process.env.INIT_CWD ?? '.', options.json)) : undefined;
  const progress = createProgress();
  let run: Run | undefined;
  try {
    const engine = await findEngine();
    const folder = await mkdtemp(join(tmpdir(), 'multi-stage-node-'));
    run = { engine, id: randomUUID(), folder, signal, progress };

    const measurements: Measurement[] = subjects.map((subject) => ({ subject }));
    await inspectBases(run, measurements);
    await buildAll(run, measurements, options.jobs);
    await measureAll(run, measurements);
    await requestAll(run, measurements);
    if (options.keep) await tagAll(run, measurements);

    const report = makeReport(engine, measurements);
    progress.close();
    await json?.write(`${JSON.stringify(report, null, 2)}\n`);
    const colour = process.stdout.isTTY && !process.env.NO_COLOR;
    process.stdout.write(`${renderTerminal(report, colour)}\n`);
    return report.images.every(({ ok }) => ok) ? EXIT.ok : EXIT.failed;
  } finally {
    progress.close();
    await json?.release();
    if (run) await cleanUp(run, options.keep && !signal.aborted);
  }
}

/** Does one step for one subject. An error becomes part of the measurement; an interruption ends the run. */
async function attempt(run: Run, measurement: Measurement, step: () => Promise<void>): Promise<boolean> {
  run.signal.throwIfAborted();
  try {
    await step();
    return true;
  } catch (error) {
    run.signal.throwIfAborted();
    measurement.error = describeError(error);
    return false;
  }
}

const good = (measurements: Measurement[]) => measurements.filter(({ error }) => error === undefined);

async function inspectBases(run: Run, measurements: Measurement[]): Promise<void> {
  for (const measurement of measurements) {
    await attempt(run, measurement, async () => {
      const { dockerfile } = measurement.subject;
      const { bases, finalBase } = readDockerfile(await readFile(dockerfile, 'utf8'), dockerfile);
      measurement.base = finalBase;
      const marks = await Promise.all(bases.map((base) => isStandIn(run.engine, base)));
      measurement.standIn = marks.includes(true);
    });
  }
}

async function buildAll(run: Run, measurements: Measurement[], jobs: number): Promise<void> {
  const limit = pLimit(jobs);
  await Promise.all(
    good(measurements).map((measurement) =>
      limit(async () => {
        const task = run.progress.task(subjectName(measurement.subject));
        task.update('building');
        const { id: runId, folder, signal } = run;
        const ok = await attempt(run, measurement, async () => {
          const built = await buildSubject(run.engine, measurement.subject, {
            runId,
            folder,
            signal,
            onStep: task.update,
          });
          measurement.image = built.id;
          measurement.buildMs = built.ms;
        });
        if (ok) task.done('built');
        else task.fail('not built');
      }),
    ),
  );
}

async function measureAll(run: Run, measurements: Measurement[]): Promise<void> {
  const built = good(measurements);
  if (built.length === 0) return;
  const task = run.progress.task('sizes');
  task.update('reading the layers');
  let bytes = 0;
  try {
    const images = await Promise.all(built.map(({ image }) => run.engine.image(image as string)));
    const facts = images.filter((image) => image !== null);
    const sizes = await measureSizes(run.engine, facts, await MeasurementCache.open(CACHE), {
      signal: run.signal,
      onBytes: (count) => {
        bytes += count;
        task.update(`read ${Math.round(bytes / 1e6)} MB of layers`);
      },
    });
    for (const [index, measurement] of built.entries()) {
      const image = images[index];
      measurement.user = image?.user;
      measurement.size = image ? sizes.get(image.id) : undefined;
    }
    task.done('measured');
  } catch (error) {
    run.signal.throwIfAborted();
    task.fail('not measured');
    for (const measurement of built) measurement.error = describeError(error);
  }
}

/** One after the other, because what is timed must not share the machine. */
async function requestAll(run: Run, measurements: Measurement[]): Promise<void> {
  for (const measurement of good(measurements)) {
    const { subject } = measurement;
    const task = run.progress.task(subjectName(subject));
    task.update('running');
    const ok = await attempt(run, measurement, async () => {
      const image = measurement.image as string;
      const port = (await run.engine.image(image))?.ports[0] ?? 3000;
      const labels = { [RUN_LABEL]: run.id };
      measurement.answer = await runAndRequest(run.engine, image, { port, labels, signal: run.signal });
      checkAnswer(measurement, measurements);
    });
    if (ok) task.done('answered');
    else task.fail('did not answer as it should');
  }
}

/** A smaller image that answers differently has lost. */
function checkAnswer({ subject, answer }: Measurement, measurements: Measurement[]): void {
  if (answer?.status !== 200) throw new ToolError(`GET / was answered with status ${answer?.status}, not 200.`);
  if (answer.body === '') throw new ToolError('GET / was answered with an empty body.');
  const reference = measurements.find(
    (other) => other.subject.chapter === subject.chapter && other.subject.variant === REFERENCE,
  )?.answer;
  if (reference && reference.body !== answer.body) {
    throw new ToolError(`GET / is answered differently from ${REFERENCE}.`, {
      lines: [`${REFERENCE}: ${reference.body.slice(0, 200)}`, `${subject.variant}: ${answer.body.slice(0, 200)}`],
    });
  }
}

async function tagAll(run: Run, measurements: Measurement[]): Promise<void> {
  for (const { subject, image } of measurements) {
    if (!image) continue;
    const name = `multi-stage-node/${subject.chapter}:${subject.variant}`;
    await run.engine.tag(image, name);
    run.progress.note(`kept ${name}`);
  }
}

function makeReport({ info }: Engine, measurements: Measurement[]): Report {
  const images = measurements.map((measurement) =>
    imageReport(measurement, relative(ROOT, measurement.subject.dockerfile).split(sep).join('/')),
  );
  return {
    schemaVersion: 1,
    createdAt: new Date().toISOString(),
    platform: `${process.platform}/${process.arch}`,
    engine: { name: info.name, version: info.version, builder: info.builder, imageStore: info.imageStore },
    images,
    comparisons: compareImages(images),
  };
}

/** Removes what carries this run's label, found anew: a container may exist whose id we never got. */
async function cleanUp({ engine, id, folder }: Run, keepImages: boolean): Promise<void> {
  const { containers, images } = await engine.labelled(RUN_LABEL, id);
  const removals = [
    ...containers.map((container) => () => engine.removeContainer(container)),
    ...(keepImages ? [] : images).map((image) => () => engine.removeImage(image)),
    () => rm(folder, { recursive: true, force: true }),
  ];
  for (const remove of removals) {
    await remove().catch((error) => console.error(`Not removed: ${describeError(error)}`));
  }
}

/** Turns Ctrl-C and its like into an abort, so that the run cleans up on its way out. */
function interruption(): { signal: AbortSignal; exitCode: () => number } {
  const controller = new AbortController();
  let exitCode: number = EXIT.interrupted;
  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) return;
      exitCode = code;
      console.error('\nInterrupted: removing what was made');
      controller.abort(new ToolError('Interrupted.', { exitCode }));
    });
  }
  return { signal: controller.signal, exitCode: () => exitCode };
}

// A reader that has seen enough, such as `head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const { signal, exitCode } = interruption();
try {
  process.exitCode = await compare(readOptions(process.argv.slice(2)), signal);
} catch (error) {
  if (!signal.aborted) console.error(describeError(error));
  process.exitCode = signal.aborted ? exitCode() : error instanceof ToolError ? error.exitCode : EXIT.failed;
}
