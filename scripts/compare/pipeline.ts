import { randomUUID } from 'node:crypto';
import type { Engine } from '../engine/engine.ts';
import { benchAll } from './bench.ts';
import type { CompareOptions } from './cli.ts';
import type { Report } from './model/report-schema.ts';
import { NAMED_IMAGES, type Subject } from './model/subject.ts';
import { type Measurement, makeReport } from './report/create-report.ts';
import { behaveAll } from './run/behaviour-checks.ts';
import { requestAll } from './run/request.ts';
import { buildAll, cleanUp, findImages, measureAll, type Run, readBases, readContexts, tagAll } from './steps.ts';

/** What is done beside building, measuring and requesting. */
export type Extent = Pick<CompareOptions, 'jobs' | 'keep' | 'behaviour' | 'bench' | 'runs'> & {
  /** Whether only the builds after an edit are timed. The build contexts are edited then: they must be copies. */
  onlyEdits?: boolean;
};

/**
 * Builds, measures, runs and requests, and removes what it made.
 *
 * @param what `images` are there already, by name.
 */
export async function measureSubjects(
  engine: Engine,
  what: { subjects: Subject[]; images: string[] },
  { jobs, keep, behaviour, bench, runs, onlyEdits }: Extent,
  { signal, progress }: Pick<Run, 'signal' | 'progress'>,
): Promise<Report> {
  const built: Measurement<Subject>[] = what.subjects.map((subject) => ({ subject }));
  const named: Measurement[] = what.images.map((variant) => ({ subject: { chapter: NAMED_IMAGES, variant } }));
  signal.addEventListener('abort', () => progress.note('Interrupted: removing what was made'));
  const run: Run = { engine, id: randomUUID(), signal, progress };
  try {
    await readBases(run, built);
    await readContexts(run, built);
    await buildAll(run, built, jobs);
    await findImages(run, named);
    await measureAll(run, [...built, ...named]);
    await requestAll(run, built);
    if (behaviour) await behaveAll(run, built, jobs);
    if (bench) await benchAll(run, built, runs, onlyEdits);
    if (keep) await tagAll(run, built);
    return makeReport(engine, [...built, ...named]);
  } finally {
    progress.close();
    await cleanUp(run, keep && !signal.aborted);
  }
}
