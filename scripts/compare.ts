import { randomUUID } from 'node:crypto';
import { join, relative, resolve, sep } from 'node:path';
import { type CompareOptions, readOptions } from './src/cli.ts';
import type { Engine } from './src/engine/engine.ts';
import { findEngine } from './src/engine/find.ts';
import { describeError, EXIT, ToolError } from './src/errors.ts';
import { interruption } from './src/interruption.ts';
import { createProgress } from './src/progress.ts';
import { reserveFile } from './src/report/file.ts';
import { compareImages, imageReport, type Measurement } from './src/report/report.ts';
import type { Report } from './src/report/schema.ts';
import { renderTerminal } from './src/report/terminal.ts';
import { buildAll, cleanUp, measureAll, type Run, readBases, requestAll, tagAll } from './src/run.ts';
import { findChapters, selectChapters } from './src/subjects/chapters.ts';

const ROOT = join(import.meta.dirname, '..');

async function compare(options: CompareOptions, signal: AbortSignal): Promise<number> {
  const subjects = selectChapters(await findChapters(ROOT), options.chapters);
  const json = options.json ? await reserveFile(resolve(process.env.INIT_CWD ?? '.', options.json)) : undefined;
  const progress = createProgress();
  signal.addEventListener('abort', () => progress.note('Interrupted: removing what was made'));
  let run: Run | undefined;
  try {
    const engine = await findEngine();
    run = { engine, id: randomUUID(), signal, progress };

    const measurements: Measurement[] = subjects.map((subject) => ({ subject }));
    await readBases(run, measurements);
    await buildAll(run, measurements, options.jobs);
    await measureAll(run, measurements);
    await requestAll(run, measurements);
    if (options.keep) await tagAll(run, measurements);

    const report = makeReport(engine, measurements);
    progress.close();
    const colour = process.stdout.isTTY && !process.env.NO_COLOR;
    process.stdout.write(`${renderTerminal(report, colour)}\n`);
    // After the table, which is there even when the disk is full.
    if (json) {
      await json.write(`${JSON.stringify(report, null, 2)}\n`);
      console.error(`The report is in ${options.json}`);
    }
    return report.images.every(({ ok }) => ok) ? EXIT.ok : EXIT.failed;
  } finally {
    progress.close();
    await json?.release();
    if (run) await cleanUp(run, options.keep && !signal.aborted);
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

// A reader that has seen enough, such as `head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const signal = interruption();
try {
  process.exitCode = await compare(readOptions(process.argv.slice(2)), signal);
} catch (error) {
  if (!signal.aborted) console.error(describeError(error));
  const reason = signal.aborted ? signal.reason : error;
  process.exitCode = reason instanceof ToolError ? reason.exitCode : EXIT.failed;
}
