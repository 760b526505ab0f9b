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
    const others = images.filter((name) => !kept.includes(name));
    await removeAll(engine, containers, others, printError);
  } catch (error) {
    printError(`Not removed: ${describeError(error)}`);
    printError(`What is left has the label ${INVOCATION_LABEL}=${id}. The next compare removes it.`);
  }
}

/**
 * Removes the containers and images of invocations whose process has ended without removing them. Images that an invocation
 * has kept stay. What cannot be removed is reported, and stays: another invocation must not fail because of it.
 *
 * @returns how many were removed.
 * @throws {ToolError} when the engine does not list them.
 */
export async function removeLeftovers(engine: Engine, report: (text: string) => void): Promise<Counts> {
  const { containers, images } = await engine.labelled(DIRECTORY_LABEL);
  const temporary = images.filter((name) => name.startsWith(`${TEMPORARY_IMAGES}:`));
  const abandoned = [
    await filterAbandoned(containers, (id) => engine.container(id)),
    await filterAbandoned(temporary, (name) => engine.image(name)),
  ] as const;
  return removeAll(engine, ...abandoned, report).catch((error) => {
    report(`Not removed: ${describeError(error)}`);
    return { containers: 0, images: 0 };
  });
}

interface Counts {
  containers: number;
  images: number;
}

type Labelled = { labels: Record<string, string> } | null;

async function filterAbandoned(names: string[], read: (name: string) => Promise<Labelled>): Promise<string[]> {
  // What another invocation has removed meanwhile is not left over.
  const facts = await Promise.all(names.map((name) => read(name).catch(() => null)));
  return names.filter((_, index) => isAbandoned(facts[index]?.labels[DIRECTORY_LABEL] ?? ''));
}

/**
 * Containers first: the engine does not remove the image of one. Returns how many were removed.
 *
 * @throws {ToolError} when the engine does not answer any more.
 */
async function removeAll(
  engine: Engine,
  containers: string[],
  images: string[],
  report: (text: string) => void,
): Promise<Counts> {
  const limit = pLimit(REMOVALS);
  const countRemoved = async (names: string[], remove: (name: string) => Promise<void>) => {
    const removals = names.map((name) =>
      limit(async () => {
        try {
          await remove(name);
          return true;
        } catch (error) {
          if (!(error instanceof ToolError) || error.code !== 'timed-out') {
            report(`Not removed: ${describeError(error)}`);
            return false;
          }
          limit.clearQueue();
          throw error;
        }
      }),
    );
    return (await Promise.all(removals)).filter(Boolean).length;
  };
  return {
    containers: await countRemoved(containers, (id) => engine.removeContainer(id)),
    images: await countRemoved(images, (name) => engine.removeImage(name)),
  };
}
