import { describeError } from '../lib/errors.ts';
import type { Engine } from './engine.ts';
import { INVOCATION_LABEL } from './labels.ts';

/**
 * Removes the containers and images that carry an invocation's label. The engine lists them: a container may exist whose id
 * we never received. What cannot be removed is printed on standard error. Never throws.
 *
 * @param kept the names of images that stay.
 */
export async function cleanUp(engine: Engine, id: string, kept: string[]): Promise<void> {
  const report = (error: unknown) => console.error(`Not removed: ${describeError(error)}`);
  try {
    const { containers, images } = await engine.labelled(INVOCATION_LABEL, id);
    for (const container of containers) await engine.removeContainer(container).catch(report);
    for (const image of images.filter((name) => !kept.includes(name))) await engine.removeImage(image).catch(report);
  } catch (error) {
    report(error);
  }
}
