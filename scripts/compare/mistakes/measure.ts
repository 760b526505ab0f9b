import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine } from '../../engine/engine.ts';
import { step } from '../../lib/progress.ts';
import type { Report } from '../model/report-schema.ts';
import { type Extent, measureSubjects } from '../pipeline.ts';
import type { Run } from '../steps.ts';
import { workingCopy } from './copies.ts';
import type { Mistake } from './find.ts';

/**
 * Measures mistakes and their mended versions, in copies of the chapters. Of the builds only that after an edit is timed:
 * it is the one that a mistake makes slower each time.
 */
export async function measureMistakes(
  engine: Engine,
  mistakes: Mistake[],
  extent: Pick<Extent, 'jobs' | 'behaviour' | 'bench' | 'runs'>,
  { signal, progress }: Pick<Run, 'signal' | 'progress'>,
): Promise<Report> {
  const work = await mkdtemp(join(tmpdir(), 'multi-stage-node-mistakes-'));
  try {
    const subjects = await step(progress, 'copies of the chapters', 'made', async (say) => {
      const copied = [];
      for (const mistake of mistakes) {
        for (const subject of [mistake.mended, mistake.mistake]) {
          signal.throwIfAborted();
          copied.push(await workingCopy(mistake, subject, join(work, String(copied.length)), { signal, say }));
        }
      }
      return copied;
    });
    const what = { subjects, images: [] };
    const report = await measureSubjects(
      engine,
      what,
      { ...extent, keep: false, onlyEdits: true },
      { signal, progress },
    );
    return {
      ...report,
      mistakes: mistakes.map(({ chapter, what, instead, fix }) => ({ chapter, what, instead, fix })),
    };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
