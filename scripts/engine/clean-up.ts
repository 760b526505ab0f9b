import pLimit from 'p-limit';
import { describeError, ToolError } from '../lib/errors.ts';
import { printError } from '../lib/print.ts';
import { isAbandoned } from '../lib/work-directory.ts';
import type { Engine } from './engine.ts';
import { DIRECTORY_LABEL, INVOCATION_LABEL, TEMPORARY_IMAGES } from './labels.ts';

/** How many containers or images are removed at the same time. */
const REMOVALS = 4;

/**
 * Removes the containers and images that carry an invocation's label. The engine lists them: a container may exist whose id
 * we never received. What cannot be removed is printed on standard error. Never throws.
 *
 * @param kept the names of images that stay.
 */
export async function cleanUp(engine: Engine, id: string, kept: string[]): Promise<void> {
  try {
    const { containers, images } = await engine.labelled(INVOCATION_LABEL, id);
    await removeAll(
      engine,
      containers,
      images.filter((name) => !kept.includes(name)),
    );
  } catch (error) {
    printError(`Not removed: ${describeError(error)}`);
    printError(`What is left has the label ${INVOCATION_LABEL}=${id}. The next compare removes it.`);
  }
}

/**
 * Removes the containers and images of invocations whose process has ended without removing them. Images that an invocation
 * has kept stay. What cannot be removed is printed, and stays: another invocation must not fail because of it.
 *
 * @returns how many there were.
 * @throws {ToolError} when the engine does not list them.
 */
export async function removeLeftovers(engine: Engine): Promise<{ containers: number; images: number }> {
  const { containers, images } = await engine.labelled(DIRECTORY_LABEL);
  const temporary = images.filter((name) => name.startsWith(`${TEMPORARY_IMAGES}:`));
  const left = {
    containers: await filterAbandoned(containers, (id) => engine.container(id)),
    images: await filterAbandoned(temporary, (name) => engine.image(name)),
  };
  const report = (error: unknown) => printError(`Not removed: ${describeError(error)}`);
  await removeAll(engine, left.containers, left.images).catch(report);
  return { containers: left.containers.length, images: left.images.length };
}

type Labelled = { labels: Record<string, string> } | null;

async function filterAbandoned(names: string[], read: (name: string) => Promise<Labelled>): Promise<string[]> {
  // What another invocation has removed meanwhile is not left over.
  const facts = await Promise.all(names.map((name) => read(name).catch(() => null)));
  return names.filter((_, index) => isAbandoned(facts[index]?.labels[DIRECTORY_LABEL] ?? ''));
}

/** Containers first: the engine does not remove the image of one. @throws when the engine does not answer any more. */
async function removeAll(engine: Engine, containers: string[], images: string[]): Promise<void> {
  const limit = pLimit(REMOVALS);
  const report = (error: unknown) => {
    const isAnswering = !(error instanceof ToolError) || error.code !== 'timed-out';
    if (isAnswering) return printError(`Not removed: ${describeError(error)}`);
    limit.clearQueue();
    throw error;
  };
  await Promise.all(containers.map((id) => limit(() => engine.removeContainer(id).catch(report))));
  await Promise.all(images.map((name) => limit(() => engine.removeImage(name).catch(report))));
}
