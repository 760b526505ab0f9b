import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { cleanUp, removeLeftovers } from '../engine/clean-up.ts';
import type { Engine, EngineChoice } from '../engine/engine.ts';
import { findEngine } from '../engine/find-engine.ts';
import { describeError } from '../lib/errors.ts';
import { printError } from '../lib/print.ts';
import { createProgress, type Progress, quietProgress } from '../lib/progress.ts';
import { createWorkDirectory, removeAbandonedDirectories } from '../lib/work-directory.ts';
import type { Invocation } from './model/measurement.ts';

/** Does `work`, and shows its progress, which ends with it. */
export async function withProgress<T>(
  { quiet }: { quiet: boolean },
  work: (progress: Progress) => Promise<T>,
): Promise<T> {
  const progress = quiet ? quietProgress() : createProgress();
  return work(progress).finally(() => progress.close());
}

/**
 * Finds an engine, does `work` with it, and removes what it made, except for the images whose tags it keeps. An engine may
 * take long to answer, or never answer: progress says so.
 */
export function withInvocation<T>(
  options: { quiet: boolean } & EngineChoice,
  signal: AbortSignal,
  work: (invocation: Invocation, keepTags: (tags: string[]) => void) => Promise<T>,
): Promise<T> {
  return withProgress(options, async (progress) => {
    const task = progress.task('engine');
    task.update('waiting for a response');
    const engine = await findEngine(signal, options);
    await removeAbandoned(engine, progress);
    signal.throwIfAborted();
    task.update('');
    const invocation = { engine, id: randomUUID(), directory: await createWorkDirectory(), signal, progress };
    return workAndCleanUp(invocation, work);
  });
}

async function workAndCleanUp<T>(
  invocation: Invocation,
  work: (invocation: Invocation, keepTags: (tags: string[]) => void) => Promise<T>,
): Promise<T> {
  const { engine, signal, progress } = invocation;
  signal.addEventListener('abort', () => progress.note('Removing what was made'));
  let kept: string[] = [];
  try {
    return await work(invocation, (tags) => {
      kept = tags;
    });
  } finally {
    progress.close();
    await cleanUp(engine, invocation.id, kept);
    await engine.close();
    const report = (error: unknown) => printError(`Not removed: ${describeError(error)}`);
    await rm(invocation.directory, { recursive: true, force: true }).catch(report);
  }
}

/** Removes what is left of invocations that were killed, and says so. */
async function removeAbandoned(engine: Engine, progress: Progress): Promise<void> {
  const { containers, images } = await removeLeftovers(engine, (text) => progress.note(text));
  const counts = { containers, images, 'temporary directories': await removeAbandonedDirectories() };
  const found = Object.entries(counts).flatMap(([what, count]) => (count > 0 ? `${what}: ${count}` : []));
  if (found.length > 0) progress.note(`Removed what a killed invocation had left: ${found.join(', ')}`);
}
